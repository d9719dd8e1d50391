"""``python -m benchmarks.filling SIZE COUNT MAX_BYTES``: fills a memory tier and prints what it takes.

Puts ``COUNT`` distinct entries with bodies of ``SIZE`` bytes into a tier of ``MAX_BYTES``, from 16 threads as in the
service, each of a deal of its own and made as the read path makes them. Prints resident memory above that of the idle
process, as the kernel counts it, and what the tier says.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from dealcache.model.deals import Deal, DealKey
from dealcache.model.labels import UnknownIds
from dealcache.reader import EntryMaker, Policy
from dealcache.tiers import CacheKey, MemoryTier, View

_THREADS = 16
_NOW = 1_780_000_000.0
_MOMENT = datetime(2026, 1, 10, tzinfo=UTC)


def _resident() -> int:
    """Bytes of this process that are in memory."""
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("the kernel does not tell the resident memory")


def _fill(tier: MemoryTier, maker: EntryMaker, size: int, numbers: Iterable[int]) -> None:
    for number in numbers:
        name = f"Deal of company number {number}"
        deal = Deal(str(7_891_023 + number), name, _MOMENT)
        entry = maker.found(_view(size, number), deal, _NOW + number / 1000, maker.labels(), UnknownIds())
        tier.put(CacheKey.of(View.TIMELINE, DealKey("name", name)), entry, lambda: True)


def _view(size: int, number: int) -> dict[str, str]:
    """Something whose JSON has ``size`` bytes and is like no other."""
    text = str(number)
    return {"n": text + "x" * (size - len('{"n":""}') - len(text))}


def _share(threads: Executor, fill: Callable[[Iterable[int]], None], count: int) -> None:
    """Give each thread its share: one job for each entry would take more memory than the entries."""
    list(threads.map(fill, [range(first, count, _THREADS) for first in range(_THREADS)]))


def main(size: int, count: int, max_bytes: int) -> None:
    """Fill a tier in this process and print what it takes."""
    maker = EntryMaker(Policy(600.0, 86_400.0, 30.0), UTC, random.random)
    tier, other = (MemoryTier(max_bytes, clock=lambda: _NOW) for _ in range(2))
    with ThreadPoolExecutor(_THREADS) as threads:
        _share(threads, partial(_fill, other, maker, size), 320)  # what is made once, is made now
        before = _resident()
        _share(threads, partial(_fill, tier, maker, size), count)
        resident = _resident() - before
    usage = tier.usage()
    print(json.dumps({"resident": resident, "counted": usage.size_bytes, "entries": usage.entries}))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
