"""Requests beside clients who send nothing, and beside such as send a request's head byte by byte.

Each round asks a few times, each time on a new connection, without such clients and then beside those of either kind
who have just come; the slowest answers are compared.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import NamedTuple
from urllib.parse import urlsplit

from benchmarks import machine
from benchmarks.affinity import pin
from benchmarks.client import ask, expect, target_of
from benchmarks.report import Report, spread
from benchmarks.service import Server
from benchmarks.stand import Stand

SILENT, SLOW = 64, 100
_DATABASE = "lane_senders"
_HIT = target_of("Acme renewal")
_REQUESTS = 10
#: What is sent byte by byte: a head that does not end as long as anybody listens.
_HEAD = f"GET {_HIT} HTTP/1.1\r\nHost: localhost\r\nX-Slow: ".encode() + b"x" * 100
#: After so many seconds slow senders leave: a server whose threads they hold would answer nobody for ever.
_SLOW_SECONDS = 8.0


class _Way(NamedTuple):
    """A kind of request: its target, its header fields, and the tier that answers it."""

    target: str
    headers: dict[str, str]
    tier: str


_WAYS = {
    "a memory hit": _Way(_HIT, {}, "memory"),
    "a hit that Flask dispatches": _Way(f"{_HIT}&refresh=false", {}, "memory"),
    "a read from MongoDB": _Way(_HIT, {"cache-control": "no-cache"}, "mongodb"),
}


def run(stand: Stand, report: Report, quick: bool) -> None:
    """Measure and report."""
    stand.hubspot.behave(0.0)
    service = stand.service(_DATABASE, CPU_AFFINITY=str(machine.server_core()))
    pin(service.pid, {machine.server_core()})
    expect(ask(service.base_url, _HIT), tier="hubspot")
    crowds: dict[str, Callable[[Server], AbstractContextManager[None]]] = {
        f"{SILENT} silent connections": _silent,
        f"{SLOW} senders of one byte a second": _slow,
    }
    for name, way in _WAYS.items():
        _slowest(service, way)  # to warm up
        alone: list[float] = []
        beside: dict[str, list[float]] = {crowd: [] for crowd in crowds}
        for _ in range(2 if quick else 7):
            alone.append(_slowest(service, way))
            for crowd, gather in crowds.items():
                with gather(service):
                    beside[crowd].append(_slowest(service, way))
        _judge(report, name, alone, beside)


def _judge(report: Report, way: str, alone: Sequence[float], beside: Mapping[str, Sequence[float]]) -> None:
    without = spread(alone)
    for crowd, measured in beside.items():
        slowest = spread(measured)
        shown = f"{slowest.show('.1f', ' ms')}, without them {without.show('.1f', ' ms')}"
        report.promise(f"{crowd} add less than 10 ms to {way}", shown, slowest.median - without.median < 10.0)


def _slowest(service: Server, way: _Way) -> float:
    """The slowest of a few answers, in milliseconds."""
    replies = [ask(service.base_url, way.target, "GET", None, **way.headers) for _ in range(_REQUESTS)]
    return max(expect(reply, way.tier).seconds for reply in replies) * 1e3


def _connect(service: Server, count: int, stack: ExitStack) -> list[socket.socket]:
    address = urlsplit(service.base_url)
    pair = (address.hostname or "", address.port or 80)
    return [stack.enter_context(socket.create_connection(pair, timeout=5.0)) for _ in range(count)]


@contextmanager
def _silent(service: Server) -> Iterator[None]:
    """Clients who have connected and say nothing."""
    with ExitStack() as stack:
        _connect(service, SILENT, stack)
        yield


@contextmanager
def _slow(service: Server) -> Iterator[None]:
    """Clients who have sent the first byte of a request and send another one each second, for some seconds.

    Raises:
        RuntimeError: the service has sent some of them away, so that not all were there all the time.
    """
    with ExitStack() as stack:
        socks = _connect(service, SLOW, stack)
        for sock in socks:
            sock.sendall(_HEAD[:1])
        over, gone = threading.Event(), list[OSError]()
        sender = threading.Thread(target=_send_slowly, args=(socks, over, gone), daemon=True)
        sender.start()
        try:
            yield
        finally:
            over.set()
            sender.join()
        if gone:
            raise RuntimeError(f"a slow sender was sent away: {gone[0]!r}")


def _send_slowly(socks: Sequence[socket.socket], over: threading.Event, gone: list[OSError]) -> None:
    """One byte each second to each, one client after the other; then they leave."""
    try:
        for place in range(1, int(_SLOW_SECONDS) + 1):
            for sock in socks:
                if over.wait(1.0 / len(socks)):
                    return
                sock.sendall(_HEAD[place : place + 1])
    except OSError as error:
        gone.append(error)
    for sock in socks:
        sock.close()
