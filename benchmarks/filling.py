"""``python -m benchmarks.filling VIEWS SIZE COUNT MAX_BYTES``: fills a memory tier and prints what it takes.

Puts the entries of ``COUNT`` deals into a tier of ``MAX_BYTES``, from 16 threads as in the service, made as the read
path makes them: all three views of deals whose timelines have about ``SIZE`` bytes, if ``VIEWS`` is ``all``, or
timelines of exactly ``SIZE`` bytes alone. No string of a request is one of the deal's. Prints resident memory above
that of the idle process, as the kernel counts it, and what the tier says.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from benchmarks.deals import deal_of_size
from dealcache.model.deals import Deal, DealKey
from dealcache.model.labels import Labels, UnknownIds
from dealcache.model.unreadable import UnreadableRecords
from dealcache.reader.entries import EntryMaker
from dealcache.reader.label_directory import LabelDirectory
from dealcache.reader.policy import StalenessPolicy
from dealcache.tiers import CacheKey, Entry, MemoryTier, View

_THREADS = 16
_NOW = 1_780_000_000.0
_MOMENT = datetime(2026, 1, 10, tzinfo=UTC)


def _resident() -> int:
    """Bytes of this process that are in memory."""
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("the kernel does not tell the resident memory")


def _timeline(maker: EntryMaker, size: int, number: int) -> dict[View, Entry]:
    """The timeline of a deal of its own, read from MongoDB."""
    deal = Deal(str(7_891_023 + number), _name(number), _MOMENT)
    fetched_at = _NOW + number / 1000
    as_of = datetime.fromtimestamp(fetched_at - 60, UTC)
    return {
        View.TIMELINE: maker.found(_view(size, number), deal, fetched_at, maker.labels.current(), UnknownIds(), as_of)
    }


def _all_views(maker: EntryMaker, size: int, number: int) -> dict[View, Entry]:
    """The three views of a deal of its own, loaded from HubSpot."""
    loaded = deal_of_size(number, size)
    deal = replace(loaded.deal, deal_name=_name(number))
    now = datetime.fromtimestamp(_NOW + number / 1000, UTC)
    return maker.all_views(replace(loaded, deal=deal, read_started_at=now))


def _name(number: int) -> str:
    return f"Deal of company number {number}"


def _fill(tier: MemoryTier, make: Callable[[int], dict[View, Entry]], numbers: Iterable[int]) -> None:
    for number in numbers:
        key = DealKey("name", _name(number))
        for view, entry in make(number).items():
            tier.put(CacheKey.of(view, key), entry, lambda: True)


def _view(size: int, number: int) -> dict[str, str]:
    """Something whose JSON has ``size`` bytes and is like no other."""
    text = str(number)
    return {"n": text + "x" * (size - len('{"n":""}') - len(text))}


def _share(threads: Executor, fill: Callable[[Iterable[int]], None], count: int) -> None:
    """Give each thread its share: one job for each entry would take more memory than the entries."""
    list(threads.map(fill, [range(first, count, _THREADS) for first in range(_THREADS)]))


def main(views: str, size: int, count: int, max_bytes: int) -> None:
    """Fill a tier in this process and print what it takes."""
    policy, labels = StalenessPolicy(600.0, 86_400.0, 30.0), LabelDirectory(Labels)
    maker = EntryMaker(policy, UTC, UnreadableRecords(), labels, lambda _unknown: None, ())
    make = partial(_all_views if views == "all" else _timeline, maker, size)
    tier, other = (MemoryTier(max_bytes, clock=lambda: _NOW) for _ in range(2))
    with ThreadPoolExecutor(_THREADS) as threads:
        _share(threads, partial(_fill, other, make), 320)  # what is made once, is made now
        before = _resident()
        _share(threads, partial(_fill, tier, make), count)
        resident = _resident() - before
    usage = tier.usage()
    counted = {"counted": usage.size_bytes, "entries": usage.entries, "evictions": usage.evictions}
    print(json.dumps({"resident": resident, **counted}))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
