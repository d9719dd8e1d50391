"""Many readers of one cold deal: three views at once over HTTP, 50 threads in one process, 50 clients over HTTP.

HubSpot takes 200 ms for each call. However many ask, one load is made: the simulator counts the calls.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial

from benchmarks.client import VIEWS, Reply, ask, expect, target_of, together
from benchmarks.hubspot import activities_of, counts_of, expected_calls
from benchmarks.report import Report, spread
from benchmarks.service import Server
from benchmarks.stand import Stand
from benchmarks.wired import wired
from dealcache.model.deals import DealKey
from dealcache.tiers import View

LATENCY = 0.2
READERS = 50
_DEAL = "Acme renewal"
_OVER_HTTP, _IN_PROCESS = "parallel", "parallel_in_process"


def run(stand: Stand, report: Report, quick: bool) -> None:
    """Measure and report."""
    stand.hubspot.behave(LATENCY)
    service = stand.service(_OVER_HTTP)
    try:
        expect(ask(service.base_url, target_of(_DEAL)), tier="hubspot")  # owners and pipelines are known from now on
        _three_views(stand, report, service, rounds=3 if quick else 7)
        _clients(stand, report, service)
    finally:
        service.stop()
    _threads(stand, report)


def _one_load(report: Report, wording: str, rounds: Sequence[Counter[str]], measured: str = "") -> None:
    """Judge by the calls of each round."""
    wrong = [counts for counts in rounds if counts != expected_calls(activities_of(_DEAL))]
    shown = dict(wrong[0] if wrong else rounds[0])
    report.promise(wording, f"{shown} in {len(wrong) or len(rounds)} of {len(rounds)} rounds{measured}", not wrong)


def _three_views(stand: Stand, report: Report, service: Server, rounds: int) -> None:
    ratios, slowest, calls = [], [], []
    for _ in range(rounds):
        stand.make_cold(service, _OVER_HTTP)
        single = expect(ask(service.base_url, target_of(_DEAL)), tier="hubspot").seconds
        stand.make_cold(service, _OVER_HTTP)
        mark = stand.hubspot.mark()
        replies = together([partial(ask, service.base_url, target_of(_DEAL, view)) for view in VIEWS])
        for reply in replies:
            expect(reply)
        calls.append(counts_of(stand.hubspot.calls_since(mark)))
        wall = max(reply.seconds for reply in replies)
        ratios.append(wall / single)
        slowest.append(wall)
    ratio = spread(ratios)
    report.figure("slowest of three views at once", spread(slowest).show(".3f", " s"))
    report.promise(
        "three views of one deal asked in parallel take as long as the slowest (at most 1.1 times one alone)",
        ratio.show(),
        ratio.median <= 1.1,
    )
    _one_load(report, "three views of one deal asked in parallel cause one load", calls)


def _clients(stand: Stand, report: Report, service: Server) -> None:
    """50 clients at once; the service lets 12 of its 16 threads wait for HubSpot, others are told to come back."""
    stand.make_cold(service, _OVER_HTTP)
    mark = stand.hubspot.mark()
    asks = [partial(ask, service.base_url, target_of(_DEAL, VIEWS[number % 3])) for number in range(READERS)]
    replies = together(asks)
    statuses = Counter(_judged(reply) for reply in replies)
    calls = [counts_of(stand.hubspot.calls_since(mark))]
    _one_load(report, "50 clients on one cold deal cause one load", calls, f"; answers {dict(statuses)}")


def _judged(reply: Reply) -> str:
    if reply.status == 200:
        return f"200 {reply.tier}"
    expect(reply, status=503)
    return "503 with Retry-After" if "retry-after" in reply.headers else "503 without Retry-After"


def _threads(stand: Stand, report: Report) -> None:
    """50 threads on the reader itself, with a bulkhead wide enough to let all of them wait."""
    views = list(View)
    key = DealKey("name", _DEAL)
    with wired(stand, _IN_PROCESS, threads=80) as parts:
        stand.hubspot.behave(LATENCY)
        mark = stand.hubspot.mark()
        answers = together([partial(parts.reader.read, views[number % 3], key) for number in range(READERS)])
    bad = [answer for answer in answers if answer.entry.status != 200]
    if bad:
        raise RuntimeError(f"{len(bad)} of {READERS} threads got no deal")
    _one_load(report, "50 threads on one cold deal cause one load", [counts_of(stand.hubspot.calls_since(mark))])
