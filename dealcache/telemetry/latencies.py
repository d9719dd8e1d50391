"""Durations of reads in the last minute, by the tier that answered, and their quantiles.

Durations are counted in buckets, each a quarter wider than the one below: so those of several workers can be added up,
and a quantile is known to within an eighth.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence

from dealcache.telemetry.metrics import READ_BUCKETS

#: Upper bounds of the buckets, in seconds: from a microsecond to half a minute, three to each doubling, and those of
#: the Prometheus histogram, so that its counts follow from these.
BOUNDS = tuple(sorted({*READ_BUCKETS, *(1e-6 * 2 ** (step / 3) for step in range(75))}))

#: For each of our buckets the one of :data:`.READ_BUCKETS` that contains it.
_READ_BUCKET = tuple(bisect_left(READ_BUCKETS, bound) for bound in (*BOUNDS, float("inf")))

#: Counts of durations by the number of their bucket; empty buckets are left out.
Counts = Mapping[int, int]

#: Seconds of a slot whose durations are counted together, and the number of slots in a minute.
_SLOT_SECONDS, _SLOTS = 2.0, 30


def read_buckets(counts: Sequence[int]) -> list[int]:
    """Return counts of all our buckets as counts of :data:`.READ_BUCKETS`, the one without a bound last."""
    coarse = [0] * (len(READ_BUCKETS) + 1)
    for bucket, count in zip(_READ_BUCKET, counts, strict=True):
        coarse[bucket] += count
    return coarse


def total(several: Iterable[Counts]) -> Counts:
    """Return the sum of several counts."""
    together: Counter[int] = Counter()
    for counts in several:
        together.update(counts)
    return dict(together)


def quantile(counts: Counts, share: float) -> float | None:
    """Return the seconds that ``share`` (0 to 1) of the durations do not exceed; None when there are none."""
    wanted = share * sum(counts.values())
    below = 0
    for bucket in sorted(counts):
        count = counts[bucket]
        if count and below + count >= wanted:
            low = BOUNDS[bucket - 1] if bucket else 0.0
            high = BOUNDS[min(bucket, len(BOUNDS) - 1)]
            return low + (high - low) * (wanted - below) / count if high > low else high
        below += count
    return None


class RecentLatencies:
    """The durations of the last minute in this process. Thread-safe.

    Args:
        timer: the monotonic clock, in seconds.
    """

    def __init__(self, timer: Callable[[], float] = time.monotonic) -> None:
        self._timer = timer
        self._lock = threading.Lock()
        self._slots: deque[tuple[int, dict[str, Counter[int]]]] = deque()

    def add(self, tier: str, seconds: float) -> None:
        """Add one read."""
        self.add_counts(tier, {bisect_left(BOUNDS, seconds): 1})

    def add_counts(self, tier: str, counts: Counts) -> None:
        """Add many reads that are already counted by bucket."""
        with self._lock:
            slot = self._present()
            if not self._slots or self._slots[-1][0] != slot:
                self._slots.append((slot, {}))
            known = self._slots[-1][1].setdefault(tier, Counter())
            # Counter.update takes several times as long for the one bucket of one read.
            for bucket, count in counts.items():
                known[bucket] += count

    def last_minute(self) -> dict[str, Counts]:
        """Return the counts of each tier that answered in the last minute."""
        by_tier: dict[str, list[Counts]] = {}
        with self._lock:
            self._present()
            for _, tiers in self._slots:
                for tier, counts in tiers.items():
                    by_tier.setdefault(tier, []).append(counts)
            return {tier: total(several) for tier, several in by_tier.items()}

    def _present(self) -> int:
        """Return the number of the present slot, and forget those that are a minute old."""
        slot = int(self._timer() / _SLOT_SECONDS)
        while self._slots and self._slots[0][0] <= slot - _SLOTS:
            self._slots.popleft()
        return slot
