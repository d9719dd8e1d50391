"""The Redis tier: entries that all workers share, for the rest of their time.

It holds no expired entries: stale ones are kept by the memory tiers. Readers have to check the generation of an entry:
one that was put while Redis hung, or by a process that had not yet heard of an invalidation, may come after the
invalidation.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from dealcache.model.invalidation import Selection
from dealcache.redis_connection import RedisConnection
from dealcache.tiers import redis_scripts, wire
from dealcache.tiers.entry import CLOCKS_APART, CacheKey, Entry

log = logging.getLogger(__name__)

#: The most entries of one deal, or one name: three views under its id and under each spelling of its name in use. This
#: bounds the work of one script, during which Redis does nothing else.
MOST_OF_ONE = 300

#: Deals that one script removes, and entries when all are removed: a few milliseconds of work.
_DEALS_AT_ONCE = 100
_ENTRIES_AT_ONCE = 500


class RedisTier:
    """Keeps entries in Redis, by the methods of :class:`.MemoryTier`, while they are fresh. Thread-safe.

    Any method raises RedisUnavailable if Redis cannot be reached or does not answer. It may have done its work
    nevertheless: kept the entry, or removed some of those to invalidate.

    Args:
        connection: the connection to Redis.
        clock: gives the times of entries, in epoch seconds.
        shape: tells apart entries of processes that show the same views differently; a part of every key.
    """

    def __init__(
        self, connection: RedisConnection, clock: Callable[[], float] = time.time, shape: str | None = None
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._form = wire.VERSION if shape is None else f"{wire.VERSION}-{shape}"
        self._keep = connection.script(redis_scripts.KEEP)
        self._take_back = connection.script(redis_scripts.TAKE_BACK)
        self._remove = connection.script(redis_scripts.REMOVE)
        self._clear = connection.script(redis_scripts.CLEAR)

    def get(self, key: CacheKey) -> Entry | None:
        return self.get_many((key,)).get(key)

    def get_many(self, keys: Iterable[CacheKey]) -> dict[CacheKey, Entry]:
        places = {key: self._connection.key(self._form, "entry", _member(key)) for key in keys}
        if not places:
            return {}
        with self._connection.operation() as client:
            values = client.mget(list(places.values()))
        found: dict[CacheKey, Entry] = {}
        unreadable: list[CacheKey] = []
        for key, value in zip(places, values, strict=True):
            if not isinstance(value, bytes):
                continue  # None: no entry
            try:
                found[key] = wire.decode(value)
            except wire.UnreadableError as error:
                log.warning("a value in Redis cannot be read and is removed: %s: %s", _member(key), error)
                unreadable.append(key)
        if unreadable:
            with self._connection.operation() as client:
                client.unlink(*(places[key] for key in unreadable))
        return found

    def put(self, key: CacheKey, entry: Entry, permit: Callable[[], bool]) -> bool:
        try:
            value = wire.encode(key, entry)
        except wire.TooLargeError as error:
            log.debug("a value is too large for Redis: %s: %s", _member(key), error)
            return False
        now = self._clock()
        milliseconds = int((entry.expires_at - now) * 1000)
        if milliseconds < 1 or not permit():
            return False
        prefix, member = self._connection.key(self._form, ""), _member(key)
        kept = bool(self._keep(prefix, member, value, milliseconds, MOST_OF_ONE, repr(now + CLOCKS_APART)))
        if not kept or permit():
            return kept
        # An invalidation came while Redis was working; which of the two came first is unknown. The entry must not stay.
        self._take_back(prefix, member, value[:8])
        return False

    def invalidate(self, selection: Selection, before: int | None = None) -> set[str]:
        if not selection:
            return set()
        prefix, limit = self._connection.key(self._form, ""), "" if before is None else before
        removed = self._clear_all if selection.everything else partial(self._remove_deals, selection)
        return {text.decode() for shown in removed(prefix, limit) for text in shown}

    def _clear_all(self, prefix: str, before: int | str) -> Iterator[list[bytes]]:
        cursor = None
        while cursor != b"0":
            cursor, shown = self._clear(prefix, before, cursor or b"0", _ENTRIES_AT_ONCE)
            yield shown

    def _remove_deals(self, selection: Selection, prefix: str, before: int | str) -> Iterator[list[bytes]]:
        for part in selection.parts(_DEALS_AT_ONCE):
            yield self._remove(prefix, before, len(part.deal_ids), *part.deal_ids, *part.name_keys)


def _member(key: CacheKey) -> str:
    """Return the name of the entry under ``key`` in the indexes."""
    return f"{key.view}:{key.by}:{key.value}"
