"""The cost of telling how old data is and of reading old data again, and what that saves a reader.

In one process and thread, in turns, in processor time: reads of MongoDB that look for the watermark of the syncs and at
the age of what they find, and the same reads without; hits of the lane with the header, and without.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from benchmarks.report import Report, spread
from benchmarks.stand import Stand
from benchmarks.wired import wired
from dealcache.container import Container
from dealcache.model.deals import DealKey
from dealcache.reader.answers import Mode
from dealcache.tiers import CacheKey, View

_DATABASE = "data_age"
_DEAL = DealKey("name", "Acme renewal")
_KEY = CacheKey.of(View.INFO, _DEAL)
_REQUEST = b"GET /api/hubspot/deal-info?dealName=Acme%20renewal HTTP/1.1\r\nHost: localhost\r\n\r\n"
_READS, _HITS, _TURNS = 300, 500, 20

#: Seconds that HubSpot takes for a call.
_LATENCY = 0.2


def run(stand: Stand, report: Report, quick: bool) -> None:
    """Measure and report."""
    rounds = 3 if quick else 9
    stand.hubspot.behave(0.0)
    with wired(stand, _DATABASE) as parts:
        parts.reader.read(View.INFO, _DEAL)
        reads = [_reads(parts) for _ in range(rounds)]
        hits = [_hits(parts) for _ in range(rounds)]
        stand.hubspot.behave(_LATENCY)
        waits = [_wait(parts, mode) for mode in (Mode.NO_CACHE, Mode.REFRESH)]
    for what, figures in (("a read of MongoDB", reads), ("a hit", hits)):
        ratio = spread(without / told for told, without in figures)
        wording = f"{what} that tells its age: at least 0.97 of one that does not"
        report.promise(wording, ratio.show(), ratio.median >= 0.97)
    report.figure("a reader of old data waits", f"{waits[0] * 1000:.1f} ms")
    report.figure("one who waits for HubSpot", f"{waits[1] * 1000:.1f} ms")


def _reads(parts: Container) -> tuple[float, float]:
    source = parts.mongodb
    sync_watermark = source._sync_watermark

    def told() -> None:
        parts.reader.read(View.INFO, _DEAL, Mode.NO_CACHE)

    def without() -> None:
        source._sync_watermark = lambda: None
        told()
        source._sync_watermark = sync_watermark

    return _by_turns(told, without, _READS)


def _hits(parts: Container) -> tuple[float, float]:
    lane, memory = parts.lane, parts.memory
    if lane is None:
        raise RuntimeError("the hit lane is off")
    entry = memory.get(_KEY)
    if entry is None:
        raise RuntimeError("nothing is cached")

    def hits(data_as_of: float | None) -> None:
        memory.put(_KEY, replace(entry, fetched_at=parts.clock(), data_as_of=data_as_of), lambda: True)
        for _ in range(_HITS):
            if lane.answer(_REQUEST, 0, ("127.0.0.1", 1)) is None:
                raise RuntimeError("the lane does not answer")

    return _by_turns(partial(hits, entry.data_as_of), partial(hits, None), _TURNS)


def _wait(parts: Container, mode: Mode) -> float:
    """Return for how long a reader of a deal waits whose data is old, or who asks HubSpot."""
    with parts.storage.connection.operation() as database:
        deal = database.deal_info.find_one({"deal_name": _DEAL.value}) or {}
        past = dict.fromkeys(("timeline_synced_at", "complete_as_of"), deal["timeline_synced_at"].replace(year=2020))
        database.deal_info.update_one({"deal_name": _DEAL.value}, {"$set": past})
    started = time.perf_counter()
    parts.reader.read(View.INFO, _DEAL, mode)
    return time.perf_counter() - started


def _by_turns(one: Callable[[], None], other: Callable[[], None], times: int) -> tuple[float, float]:
    """Return the median processor seconds of each."""
    pairs = [(_cost(one), _cost(other)) for _ in range(times)]
    return statistics.median(first for first, _ in pairs), statistics.median(second for _, second in pairs)


def _cost(work: Callable[[], None]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started
