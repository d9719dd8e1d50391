"""Plans of batches. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from dealcache.hubspot.pages import batches_of


class BatchPlan:
    """Plans the batches of ids of one type while pages of them come in.

    Each distinct id is planned once, in batches that are all full but for the last, so that ``n`` records take
    ``ceil(n / batch_size)`` reads however they are spread over deals and pages.
    """

    def __init__(self, batch_size: int) -> None:
        self._batch_size = batch_size
        self._seen: set[str] = set()
        self._waiting: list[str] = []

    def add(self, ids: Iterable[str], *, last: bool) -> list[tuple[str, ...]]:
        """Add the ids of a page, which may be the last one; return the batches that can be read now."""
        for one in ids:
            if one not in self._seen:
                self._seen.add(one)
                self._waiting.append(one)
        if last:
            return self.rest()
        full = len(self._waiting) - len(self._waiting) % self._batch_size
        batches = batches_of(self._waiting[:full], self._batch_size)
        del self._waiting[:full]
        return batches

    def rest(self) -> list[tuple[str, ...]]:
        """Return everything that still waits for a full batch, because nothing more comes."""
        rest, self._waiting = self._waiting, []
        return batches_of(rest, self._batch_size)
