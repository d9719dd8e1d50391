"""Puts the words of a question in the order in which MongoDB is to look for them: the rarest one first.

Of several words MongoDB looks up the first one in the index and reads every deal that has it: a hundred thousand of
them took it a second, and the few of the rarer word beside it five milliseconds.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from cachetools import TTLCache

from dealcache.repositories.connection import Connection
from dealcache.repositories.deal_list_indexes import WORDS_INDEX
from dealcache.repositories.deal_list_query import PRESENT, word_condition
from dealcache.repositories.hints import hinted

#: How far the deals with a word are counted, step by step until the rarest one is known; to count further would take as
#: long as to read the deals.
_STEPS = (1_000, 10_000)

#: Questions whose order is remembered at most, and for how many seconds.
_MOST, _SECONDS = 256, 60.0

Words = tuple[str, ...]


class RarestFirst:
    """Orders words by how many deals have them. Thread-safe.

    Args:
        connection: the database.
        timer: the monotonic clock, in seconds.
    """

    def __init__(self, connection: Connection, timer: Callable[[], float] = time.monotonic) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._known: TTLCache[Words, Words] = TTLCache(_MOST, _SECONDS, timer)

    def ordered(self, words: Words) -> Words:
        """Return the words, the rarest one first, of equally frequent ones the longest; raises StoreError."""
        if len(words) < 2:
            return words
        with self._lock:
            known = self._known.get(words)
        if known is None:
            known = self._order(words)
            with self._lock:
                self._known[words] = known
        return known

    def _order(self, words: Words) -> Words:
        counts: dict[str, int] = {}
        for most in _STEPS:
            counts = {word: self._count(word, most) for word in words}
            if min(counts.values()) < most:
                break
        return tuple(sorted(words, key=lambda word: (counts[word], -len(word))))

    def _count(self, word: str, most: int) -> int:
        condition = PRESENT | word_condition(word)
        with self._connection.operation() as database:
            return hinted(lambda **hint: database.deal_info.count_documents(condition, limit=most, **hint), WORDS_INDEX)
