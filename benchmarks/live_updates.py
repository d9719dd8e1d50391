"""The cost of a thousand idle WebSocket clients for those who read, and how soon a change reaches them.

One worker with 16 threads, pinned to one core, and wrk to another. First deals are renamed in HubSpot and refreshed one
by one, and for each client the time is taken from the moment when the service noticed the change; it holds each change
back for a second, so that no worker serves the old value to who reads on being told. Then each round
measures memory hits without clients, and with them, for so long that each of them is pinged and answers.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Sequence
from typing import NamedTuple

from benchmarks import machine, wrk
from benchmarks.affinity import pin, processor_seconds, resident_bytes
from benchmarks.client import ask, expect, target_of
from benchmarks.live_crowd import LiveCrowd, connected
from benchmarks.report import Report, percentile, spread
from benchmarks.service import Server
from benchmarks.stand import Stand

CLIENTS = 1000
_DATABASE = "live_updates"
_CACHED = "Acme renewal"
#: Longer than the service leaves a quiet client alone.
_WITH_PINGS = 23
_FILES = 2 * CLIENTS


def run(stand: Stand, report: Report, quick: bool) -> None:
    """Measure and report."""
    if not machine.has_wrk():
        report.left_out("live", machine.HOW_TO_GET_WRK)
        return
    if not _make_room():
        report.left_out("live", f"this process may not have {_FILES:,} files open: raise `ulimit -Hn`")
        return
    stand.hubspot.behave(0.0)
    service = stand.service(_DATABASE)
    try:
        expect(ask(service.base_url, target_of(_CACHED)), tier="hubspot")
        expect(ask(service.base_url, target_of(_CACHED)), tier="memory")
        pin(service.pid, machine.cores()[:1])
        _told(stand, report, service, rounds=3 if quick else 10)
        _idle(report, service, rounds=1 if quick else 4)
    finally:
        service.stop()


def _make_room() -> bool:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < _FILES <= hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (_FILES, hard))
    return hard >= _FILES


class _Hits(NamedTuple):
    """Memory hits per second, and the microseconds of processor time that the service took for each."""

    rate: float
    cost: float


def _hits(service: Server, seconds: int) -> _Hits:
    before = processor_seconds(service.pid)
    rate = wrk.load(service.base_url + target_of(_CACHED), seconds, machine.cores()[-1:]).rate
    return _Hits(rate, (processor_seconds(service.pid) - before) / (rate * seconds) * 1e6)


def _idle(report: Report, service: Server, rounds: int) -> None:
    _hits(service, 1)  # to warm up
    alone, beside, pings = [], [], 0
    for _ in range(rounds):
        alone.append(_hits(service, 8))
        with connected(service.base_url, CLIENTS) as crowd:
            beside.append(_hits(service, _WITH_PINGS))
            pings += crowd.pings
    _show(report, "without clients", alone)
    _show(report, f"with {CLIENTS:,} idle clients, who answered {pings:,} pings", beside)
    cost = spread(one.cost / other.cost for one, other in zip(alone, beside, strict=True))
    report.figure("the same as a ratio of processor time, which a busy machine disturbs less", cost.show())
    rate = spread(one.rate / other.rate for one, other in zip(beside, alone, strict=True))
    report.promise(
        f"{CLIENTS:,} idle WebSocket clients leave cached reads as fast as with none (0.95 at least)",
        rate.show(),
        rate.median >= 0.95,
    )


def _show(report: Report, when: str, hits: Sequence[_Hits]) -> None:
    rate, cost = (spread(column) for column in zip(*hits, strict=True))
    report.figure(f"memory hits {when}", f"{rate.show(',.0f')} per second, {cost.show('.0f', ' µs')} each")


def _told(stand: Stand, report: Report, service: Server, rounds: int) -> None:
    before = resident_bytes(service.pid)
    with connected(service.base_url, CLIENTS) as crowd:
        report.figure("memory for each client", f"{(resident_bytes(service.pid) - before) / CLIENTS / 1024:.1f} KiB")
        waits = [_announce(stand, service, crowd, number) for number in range(rounds)]
    every = [1000 * wait for one in waits for wait in one]
    spans = spread(1000 * (max(one) - min(one)) for one in waits)
    report.figure("from the first client that is told to the last", spans.show(".0f", " ms"))
    report.promise(
        f"a change reaches {CLIENTS:,} clients within two seconds, for one of which it is held back",
        f"p50 {percentile(every, 0.5):.0f} ms, p99 {percentile(every, 0.99):.0f} ms, last {max(every):.0f} ms",
        max(every) < 2000,
    )


def _announce(stand: Stand, service: Server, crowd: LiveCrowd, number: int) -> list[float]:
    """Seconds after the service noticed a change until each of the clients had been told."""
    deal = stand.hubspot.deals()[10 + number]
    properties = {"dealname": f"Renamed {time.time_ns()}"}
    stand.hubspot.change([{"do": "update", "object_type": "deals", "record_id": deal["id"], "properties": properties}])
    expect(ask(service.base_url, f"/api/hubspot/deal-info?dealId={deal['id']}&refresh=true"), tier="hubspot")
    return [heard - noticed for noticed, heard in crowd.told_of(deal["id"])]
