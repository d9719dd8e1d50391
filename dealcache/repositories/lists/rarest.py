"""Puts words or conditions on properties in the order in which MongoDB is to look for them: the rarest one first.

Of several MongoDB looks up the first one in the index and reads every deal that has it: a hundred thousand of them
took it a second, and the few of the rarer word beside it five milliseconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from dealcache.repositories.connection import Connection
from dealcache.repositories.documents import Document
from dealcache.repositories.hints import with_hint
from dealcache.repositories.lists.query import PRESENT
from dealcache.repositories.recent_answers import RecentAnswers

#: The numbers up to which deals are counted, one after the other until the rarest one is known; to count further would
#: take as long as to read the deals.
_STEPS = (1_000, 10_000)

#: Questions whose order is remembered at most, and for how many seconds.
_MOST, _SECONDS = 256, 60.0

T = TypeVar("T", bound=Hashable)


class RarestFirst(Generic[T]):
    """Orders words or conditions by how many deals have them. Thread-safe.

    Args:
        connection: the database.
        condition_of: returns the condition that deals have one, and the index that finds them.
        timer: the monotonic clock, in seconds.
    """

    def __init__(
        self,
        connection: Connection,
        condition_of: Callable[[T], tuple[Document, str]],
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connection = connection
        self._condition_of = condition_of
        self._known = RecentAnswers[tuple[T, ...], tuple[T, ...]](_SECONDS, timer, _MOST)

    def ordered(self, wanted: tuple[T, ...]) -> tuple[T, ...]:
        """Return them, the rarest one first, equally frequent ones as they are; raises StoreError."""
        return wanted if len(wanted) < 2 else self._known.get(wanted, lambda: self._order(wanted))

    def _order(self, wanted: tuple[T, ...]) -> tuple[T, ...]:
        counts: dict[T, int] = {}
        for most in _STEPS:
            counts = {one: self._count(one, most) for one in wanted}
            if min(counts.values()) < most:
                break
        return tuple(sorted(wanted, key=counts.__getitem__))

    def _count(self, one: T, most: int) -> int:
        condition, index = self._condition_of(one)
        with self._connection.operation() as database:
            return with_hint(
                lambda **hint: database.deal_info.count_documents(PRESENT | condition, limit=most, **hint), index
            )
