"""Requests that the lane cannot answer: their cost with ``HIT_LANE=on`` and ``off``, in turns, and by plain Flask.

Two services, both pinned to one core, with wrk on the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from benchmarks import machine, wrk
from benchmarks.affinity import pin, processor_seconds
from benchmarks.client import ask, expect, target_of
from benchmarks.lane import plain_flask
from benchmarks.report import Report, spread
from benchmarks.service import Server
from benchmarks.stand import Stand

_HIT = target_of("Acme renewal")


class _Figure(NamedTuple):
    """Requests per second, and the server's processor time for each in µs."""

    rate: float
    cost: float


@dataclass(frozen=True)
class _Way:
    """A kind of request.

    Attributes:
        name: how it is called in the report.
        target: what is asked for.
        tier: who answers.
        headers: its header fields.
        least: what is promised of its requests per second with the lane in those without; None for nothing.
    """

    name: str
    target: str
    tier: str
    headers: Mapping[str, str]
    least: float | None


_WAYS = (
    _Way("a read from MongoDB", _HIT, "mongodb", {"Cache-Control": "no-cache"}, 0.95),
    _Way("a hit that Flask dispatches", f"{_HIT}&refresh=false", "memory", {}, 0.95),
    _Way("a hit that the lane can answer", _HIT, "memory", {}, None),
)


def run(stand: Stand, report: Report, quick: bool) -> None:
    """Measure and report."""
    if not machine.has_wrk():
        report.left_out("lane-misses", machine.HOW_TO_GET_WRK)
        return
    stand.hubspot.behave(0.0)
    core = machine.server_core()
    lanes = {lane: stand.service(f"lane_{lane}", HIT_LANE=lane, CPU_AFFINITY=str(core)) for lane in ("on", "off")}
    for service in lanes.values():
        pin(service.pid, {core})
        expect(ask(service.base_url, _HIT), tier="hubspot")
        _measure(service, _WAYS[1], 1)  # to warm up
    for way in _WAYS:
        figures: dict[str, list[_Figure]] = {lane: [] for lane in lanes}
        for number in range(2 if quick else 7):
            for lane in sorted(lanes, reverse=number % 2 == 1):
                figures[lane].append(_measure(lanes[lane], way, 1 if quick else 2))
        _judge(report, way, figures["on"], figures["off"])
    plain_flask.run(stand, report, quick)


def _measure(service: Server, way: _Way, seconds: int) -> _Figure:
    taken = -processor_seconds(service.pid)
    expect(ask(service.base_url, way.target, "GET", None, **way.headers), way.tier)
    load = wrk.load(service.base_url + way.target, seconds, machine.client_cores(), headers=way.headers)
    expect(ask(service.base_url, way.target, "GET", None, **way.headers), way.tier)
    service.forget_log()
    return _Figure(load.rate, 1e6 * (taken + processor_seconds(service.pid)) / load.requests)


def _judge(report: Report, way: _Way, on: Sequence[_Figure], off: Sequence[_Figure]) -> None:
    with_lane, without = ([spread(column) for column in zip(*figures, strict=True)] for figures in (on, off))
    ratio = spread(one.rate / other.rate for one, other in zip(on, off, strict=True))
    cost = spread(other.cost / one.cost for one, other in zip(on, off, strict=True))
    for lane, (rate, each) in (("on", with_lane), ("off", without)):
        shown = f"{rate.show(',.0f')} per second, {each.show('.0f', ' µs')} of the server's processor time each"
        report.figure(f"{way.name}, HIT_LANE={lane}", shown)
    shown = f"{ratio.show()}, by processor time {cost.show()}"
    if way.least is None:
        report.figure(f"{way.name}, with the lane in those without, for information", shown)
    else:
        wording = f"{way.name} with the lane: at least {way.least:g} of the requests per second without"
        report.promise(wording, shown, ratio.median >= way.least)
