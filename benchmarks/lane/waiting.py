"""Memory hits while 64 requests wait for a HubSpot that takes 2 s for each call, in turns with nobody waiting.

64 clients ask for eight cold deals, each of which takes three steps one after the other: a search, then seven calls at
once, then some more. The service's own gauge says that all of them wait, before each measurement and after it. Hits
come from wrk as fast as they are answered, and from a client that asks at a steady pace, both in two moments. During
the first step nobody works, all wait. Later the calls of the second step go out and come back: that is work of the
service, of the simulated HubSpot and of MongoDB, on the same two cores.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import NamedTuple

from benchmarks import machine, wrk
from benchmarks.affinity import pin
from benchmarks.client import ask, expect, target_of
from benchmarks.crowd import Crowd
from benchmarks.paced import paced
from benchmarks.report import Report, percentile, spread
from benchmarks.service import Server
from benchmarks.stand import Stand

LATENCY = 2.0
WAITING, _DEALS = 64, 8
_CACHED = target_of("Acme renewal")
_DATABASE = "lane_waiting"
#: Both fit into a call with what it takes until all wait.
_PACE, _PACED_SECONDS = 500.0, 1.2
_WRK_SECONDS = 1
#: From there on, hits are asked for until the calls of the second step are back.
_WORKING_SECONDS = 3
#: The most times that the 99th percentile with nobody waiting may be taken: while all wait, and while calls go out.
_WAITING_TIMES, _WORKING_TIMES = 1.5, 2.0
_PATIENCE = 5.0
#: How hits are asked for, and the place of each in _Hits.
_HOW = ((f"from wrk over {wrk.CONNECTIONS} connections", 0), (f"at {_PACE:.0f} per second", 1))


class _Hits(NamedTuple):
    """The 99th percentile in milliseconds, once from wrk and once at a steady pace; and wrk's requests per second."""

    wrk: float
    paced: float
    rate: float


def run(stand: Stand, report: Report, quick: bool) -> None:
    """Measure and report."""
    if not machine.has_wrk():
        report.left_out("lane-waiting", machine.HOW_TO_GET_WRK)
        return
    stand.hubspot.behave(0.0)
    service = stand.service(_DATABASE, CPU_AFFINITY=str(machine.server_core()))
    pin(service.pid, {machine.server_core()})
    expect(ask(service.base_url, _CACHED), tier="hubspot")
    rounds = 2 if quick else 6
    deals = iter(stand.hubspot.small_deals(2 * rounds * _DEALS))
    _wrk(service, _WRK_SECONDS)  # to warm up
    idle, busy, working, disturbed = list[_Hits](), list[_Hits](), list[_Hits](), 0
    for _ in range(rounds):
        stand.hubspot.behave(0.0)
        load = _wrk(service, _WRK_SECONDS)
        idle.append(_Hits(load.p99, _paced(service), load.rate))
        stand.hubspot.behave(LATENCY)
        mark = stand.hubspot.mark()
        with _waiters(service, list(islice(deals, _DEALS))):
            load = _wrk(service, _WRK_SECONDS)
            disturbed += _has_gone_on(stand, mark)
            worked = _wrk(service, _WORKING_SECONDS)
        mark = stand.hubspot.mark()
        with _waiters(service, list(islice(deals, _DEALS))):
            busy.append(_Hits(load.p99, _paced(service), load.rate))
            disturbed += _has_gone_on(stand, mark)
            working.append(_Hits(worked.p99, _paced(service, _WORKING_SECONDS), worked.rate))
    for when, hits in (("nobody waits", idle), (f"{WAITING} wait", busy), ("calls go out and come back", working)):
        rate = spread(one.rate for one in hits).show(",.0f")
        report.figure(f"memory hits from wrk over {wrk.CONNECTIONS} connections while {when}", f"{rate} per second")
    report.figure("measurements that the second step had begun in", f"{disturbed} of {2 * rounds}")
    _judge(report, f"while {WAITING} requests wait for HubSpot", idle, busy, _WAITING_TIMES)
    _judge(report, f"while the calls of {_DEALS} loads go out and come back", idle, working, _WORKING_TIMES)
    for how, place in _HOW:
        p99 = spread(one[place] for one in busy)
        wording = f"hits {how} while {WAITING} requests wait for HubSpot, 99th percentile: under 2 ms"
        report.promise(wording, p99.show(".2f", " ms"), p99.median < 2.0)


def _has_gone_on(stand: Stand, mark: int) -> bool:
    """Return True if a load has made another call than the search since then."""
    return any(call["kind"] != "search" for call in stand.hubspot.calls_since(mark))


def _wrk(service: Server, seconds: int) -> wrk.Load:
    return wrk.load(service.base_url + _CACHED, seconds, machine.client_cores())


def _paced(service: Server, seconds: float = _PACED_SECONDS) -> float:
    latencies = paced(service.base_url, _CACHED, _PACE, seconds, machine.client_cores())
    return percentile(latencies, 0.99)


@contextmanager
def _waiters(service: Server, deals: Sequence[str]) -> Iterator[None]:
    """Let 64 requests wait for as long as the block lasts, and then have their answers.

    Raises:
        RuntimeError: they did not wait all the time, or got no answer in the end.
    """
    crowd = Crowd(service, [deal for deal in deals for _ in range(WAITING // _DEALS)], attempts=1)
    crowd.start()
    deadline = time.monotonic() + _PATIENCE
    while _waiting(service) < WAITING and time.monotonic() < deadline:
        time.sleep(0.02)
    before = _waiting(service)
    yield
    after = _waiting(service)
    crowd.finish()
    if (before, after) != (WAITING, WAITING) or crowd.every != {"200": WAITING}:
        raise RuntimeError(f"{before} waited before, {after} after the measurement; answers {dict(crowd.every)}")


def _waiting(service: Server) -> int:
    """Return how many requests wait for HubSpot at this moment, as the service counts them."""
    told = expect(ask(service.base_url, "/metrics")).body.decode()
    found = re.search(r"^dealcache_hubspot_waiting_threads(?:{.*})? ([0-9.]+)$", told, re.MULTILINE)
    return int(float(found.group(1))) if found else 0


def _judge(report: Report, when: str, idle: Sequence[_Hits], busy: Sequence[_Hits], most_times: float) -> None:
    for how, place in _HOW:
        ratio = spread(float(many[place]) / none[place] for many, none in zip(busy, idle, strict=True))
        was = spread(one[place] for one in idle).show(".2f", " ms")
        wording = f"hits {how} {when}, 99th percentile: at most {most_times:g} times that with none"
        report.promise(wording, f"{ratio.show()} of {was}", ratio.median <= most_times)
