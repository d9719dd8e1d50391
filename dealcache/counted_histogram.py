"""A histogram of Prometheus that many observations can be added to at once."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import Histogram


class CountedHistogram(Histogram):
    """A histogram that also takes many observations at once, as counts of its buckets."""

    def add(self, counts: Sequence[int], total: float) -> None:
        """Add observations.

        Args:
            counts: how many there are in each bucket, the one without a bound last.
            total: the sum of all that was observed.
        """
        self._sum.inc(total)
        for bucket, count in zip(self._buckets, counts, strict=True):
            if count:
                bucket.inc(count)
