"""Memory hits while 64 cold requests wait on a HubSpot that takes 2 s for each call.

Four keep-alive clients ask for a cached timeline every few milliseconds and one for ``/healthz``: first with nothing
else going on, then from just before 64 clients ask for a cold deal each. Once more with 64 clients that come back
when they are told to, for information: these keep asking all the time.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.client import NO_ANSWER, Client, ask, expect, target_of
from benchmarks.crowd import Crowd
from benchmarks.report import Report, percentile
from benchmarks.service import Server
from benchmarks.stand import Stand

LATENCY = 2.0
WAITING = 64
_CACHED = "Acme renewal"
_DATABASE = "slow_hubspot"
_HIT_CLIENTS = 4
_HIT_PAUSE = 0.004
_HEALTH_PAUSE = 0.05
_ALLOWED = {"200", "503 with Retry-After"}


@dataclass
class _Watch:
    """Seconds that each answer took, and how many were wrong, while it ran."""

    hits: list[float] = field(default_factory=list)
    health: list[float] = field(default_factory=list)
    wrong: Counter[str] = field(default_factory=Counter)

    @property
    def p99(self) -> float:
        """The 99th percentile of the hits in milliseconds."""
        return percentile(self.hits, 0.99) * 1000

    def show(self) -> str:
        """Return what the hits took."""
        p50, most = percentile(self.hits, 0.5) * 1000, max(self.hits) * 1000
        return f"p50 {p50:.2f} ms, p99 {self.p99:.2f} ms, slowest {most:.1f} ms of {len(self.hits)}"


def run(stand: Stand, report: Report, quick: bool) -> None:
    """Measure and report."""
    seconds = 4.0 if quick else 6.0
    stand.hubspot.behave(0.0)
    service = stand.service(_DATABASE)
    try:
        expect(ask(service.base_url, target_of(_CACHED)), tier="hubspot")
        expect(ask(service.base_url, target_of(_CACHED)), tier="memory")
        deals = stand.hubspot.small_deals(2 * WAITING)
        idle = _watch(service, seconds / 2, [])
        report.figure("memory hits, idle", idle.show())
        for named, attempts in ((deals[:WAITING], 1), (deals[WAITING:], 100)):
            stand.hubspot.behave(LATENCY)
            crowd = Crowd(service, named, attempts)
            busy = _watch(service, seconds, [crowd.start])
            crowd.finish()
            if attempts == 1:
                _judge(report, busy, crowd)
            else:
                report.figure("memory hits while 64 clients come back each time that they are told to", busy.show())
                report.figure("answers to them", str(dict(crowd.every)))
    finally:
        service.stop()


def _judge(report: Report, busy: _Watch, crowd: Crowd) -> None:
    report.figure("memory hits meanwhile", busy.show())
    wording = f"with {WAITING} cold requests waiting on a HubSpot that takes 2 s"
    kept = busy.p99 < 10.0 and not busy.wrong["hit"]
    report.promise(
        f"{wording}, memory hits stay under 10 ms at the 99th percentile",
        f"{busy.p99:.2f} ms, {busy.wrong['hit']} wrong",
        kept,
    )
    slowest = max(busy.health, default=float("inf")) * 1000
    answered = f"{len(busy.health)} times, {busy.wrong['health']} wrong, the slowest in {slowest:.1f} ms"
    report.promise(f"{wording}, /healthz answers", answered, bool(busy.health) and not busy.wrong["health"])
    report.promise(
        "cold requests get 200, or 503 with Retry-After", str(dict(crowd.every)), set(crowd.every) <= _ALLOWED
    )


def _watch(service: Server, seconds: float, meanwhile: Sequence[Callable[[], None]]) -> _Watch:
    """Ask for ``seconds``; ``meanwhile`` is begun a moment later, so that its beginning is seen too."""
    watch = _Watch()
    ends = time.monotonic() + seconds

    def repeat(target: str, pause: float, took: list[float], name: str, tier: str) -> None:
        with Client(service.base_url) as client:
            while time.monotonic() < ends:
                try:
                    reply = client.ask(target)
                except NO_ANSWER:
                    watch.wrong[name] += 1
                else:
                    took.append(reply.seconds)
                    watch.wrong[name] += reply.status != 200 or reply.tier != tier
                time.sleep(pause)

    hits = (target_of(_CACHED), _HIT_PAUSE, watch.hits, "hit", "memory")
    every = [hits] * _HIT_CLIENTS + [("/healthz", _HEALTH_PAUSE, watch.health, "health", "")]
    threads = [threading.Thread(target=repeat, args=one, daemon=True) for one in every]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    for begin in meanwhile:
        begin()
    for thread in threads:
        thread.join()
    return watch
