"""Cold deals over HTTP: how deep, how long, how many calls, with a HubSpot that takes 200 ms for each.

Each round empties memory and MongoDB and reads a deal of 60 and one of 2,500 activities. The simulator's record of
calls gives the depth (the longest chain of calls that waited for each other) and the number of calls of each kind.
HubSpot's request limits are on, in the simulator and in the service.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from benchmarks.client import ask, expect, target_of
from benchmarks.hubspot import (
    ONCE,
    activities_of,
    batches_beside_paging,
    counts_of,
    depth_of,
    expected_calls,
    expected_depth,
)
from benchmarks.report import Report, spread
from benchmarks.service import Server
from benchmarks.stand import Stand

LATENCY = 0.2
SMALL, LARGE = "Acme renewal", "Globex expansion"
_DATABASE = "cold"


@dataclass
class _Rounds:
    """The results of the rounds of one deal; ``walls`` are in latencies."""

    walls: list[float] = field(default_factory=list)
    depths: list[int] = field(default_factory=list)
    beside: list[int] = field(default_factory=list)
    calls: list[Counter[str]] = field(default_factory=list)


def run(stand: Stand, report: Report, quick: bool) -> None:
    """Measure and report."""
    stand.hubspot.behave(LATENCY)
    began = stand.hubspot.mark()
    service = stand.service(_DATABASE)
    measured = {SMALL: _Rounds(), LARGE: _Rounds()}
    try:
        for _ in range(2 if quick else 5):
            for name, rounds in measured.items():
                stand.make_cold(service, _DATABASE)
                _measure(stand, service, name, rounds)
    finally:
        service.stop()
    _judge_small(report, measured[SMALL])
    _judge_large(report, measured[LARGE])
    _judge_calls(report, measured)
    once = Counter(call["kind"] for call in stand.hubspot.calls_since(began) if call["kind"] in ONCE)
    report.promise("owners (two lists: active, archived) and pipelines once", str(dict(once)), once == ONCE)


def _measure(stand: Stand, service: Server, name: str, rounds: _Rounds) -> None:
    mark = stand.hubspot.mark()
    reply = expect(ask(service.base_url, target_of(name)), tier="hubspot")
    calls = stand.hubspot.calls_since(mark)
    # 207 is a batch read of which one record is archived: "Acme renewal" has such a note.
    refused = [call for call in calls if call["status"] not in (200, 207)]
    if refused:
        raise RuntimeError(f"HubSpot refused {len(refused)} calls, the first with {refused[0]['status']}")
    rounds.walls.append(reply.seconds / LATENCY)
    rounds.depths.append(depth_of(calls))
    rounds.beside.append(batches_beside_paging(calls))
    rounds.calls.append(counts_of(calls))


def _judge_small(report: Report, rounds: _Rounds) -> None:
    depth, wall = max(rounds.depths), spread(rounds.walls)
    report.promise("60 activities: at most three round trips deep", str(depth), depth <= 3)
    report.promise("60 activities: wall at most 3.3 times the latency", wall.show(), wall.median <= 3.3)


def _judge_large(report: Report, rounds: _Rounds) -> None:
    allowed = expected_depth(activities_of(LARGE))
    depth, beside = max(rounds.depths), min(rounds.beside)
    wall = spread(latencies / allowed for latencies in rounds.walls)
    wording = "2,500 activities: one latency more for each further association page of the type that has most"
    report.promise(f"{wording} ({allowed})", str(depth), depth <= allowed)
    total = expected_calls(activities_of(LARGE))["batch_read"]
    report.promise("2,500 activities: batch reads overlapping with paging", f"{beside} of {total} at least", beside > 0)
    report.promise(
        "2,500 activities: wall at most 1.2 times that depth, limits permitting", wall.show(), wall.median <= 1.2
    )


def _judge_calls(report: Report, measured: Mapping[str, _Rounds]) -> None:
    for name, rounds in measured.items():
        activities = activities_of(name)
        wanted = expected_calls(activities)
        wording = (
            f"{sum(activities.values()):,} activities: {wanted['search']} search, {wanted['associations']} association "
            f"reads, {wanted['batch_read']} batch reads"
        )
        wrong = [dict(counts) for counts in rounds.calls if counts != wanted]
        report.promise(wording, str(wrong[0]) if wrong else f"exactly, in {len(rounds.calls)} rounds", not wrong)
