"""Which activities have been found and when to read them: full batches at once, the rest at the end. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dealcache.hubspot.errors import MalformedAnswer


class Gathering:
    """Collects the ids of one type of activity as pages of associations come in.

    Each distinct id is given out once, in batches that are all full but for the last, so that ``n`` activities take
    ``ceil(n / batch_size)`` reads however they are spread over deals and pages.

    Args:
        batch_size: how many ids make a full batch.
    """

    def __init__(self, batch_size: int) -> None:
        self._batch_size = batch_size
        self._seen: set[str] = set()
        self._waiting: list[str] = []
        self._cursors: set[tuple[str, str]] = set()

    def add(self, ids: Iterable[str], after: Mapping[str, str]) -> list[tuple[str, ...]]:
        """Take in one page and return the batches that can be read now.

        Args:
            ids: the ids on the page.
            after: the deals with further pages, each with the cursor of its next one; when there are none, this page
                is the last.

        Raises:
            MalformedAnswer: a next page was read before, so that the pages would never end.
        """
        if not self._cursors.isdisjoint(after.items()):
            raise MalformedAnswer("the pages of the associations run in a circle")
        for one in ids:
            if one not in self._seen:
                self._seen.add(one)
                self._waiting.append(one)
        self._cursors.update(after.items())
        return self._full_batches() if after else [*self._full_batches(), *self.rest()]

    def rest(self) -> list[tuple[str, ...]]:
        """Return what waits for a batch to be full, because nothing more comes."""
        rest, self._waiting = self._waiting, []
        return batches_of(rest, self._batch_size)

    def _full_batches(self) -> list[tuple[str, ...]]:
        full = len(self._waiting) - len(self._waiting) % self._batch_size
        batches = batches_of(self._waiting[:full], self._batch_size)
        del self._waiting[:full]
        return batches


def batches_of(ids: Iterable[str], size: int) -> list[tuple[str, ...]]:
    """Cut ``ids`` into batches of ``size``, the last one as small as it must be."""
    every = tuple(ids)
    return [every[start : start + size] for start in range(0, len(every), size)]
