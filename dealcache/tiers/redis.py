"""The Redis tier: entries that all workers share, for what is left of their time.

It holds nothing past its time: what may serve when everything below fails is kept by the memory tiers. It compares no
generations but those that it is told to, so whoever takes an entry out has to check it: one that a process put while
Redis hung, or that another process put because it had not heard of an invalidation yet, may come after it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable

from dealcache.invalidation import Selection
from dealcache.redis_connection import RedisConnection
from dealcache.tiers import redis_scripts, wire
from dealcache.tiers.entry import CacheKey, Entry

log = logging.getLogger(__name__)

#: How many entries one deal, or one name, may have here: three views under its id and under each spelling of its name
#: that somebody used. It bounds what one script may have to do, during which Redis does nothing else.
MOST_OF_ONE = 300

#: How many deals one script removes, and how many entries when everything goes: a few milliseconds of work.
_DEALS_AT_ONCE = 100
_ENTRIES_AT_ONCE = 500


class RedisTier:
    """Keeps entries in Redis.

    Args:
        connection: the way to it.
        clock: the wall clock, in epoch seconds, that the times of entries are told by.
    """

    name = "redis"

    def __init__(self, connection: RedisConnection, clock: Callable[[], float] = time.time) -> None:
        self._connection = connection
        self._clock = clock
        self._prefix = connection.key("")
        self._keep = connection.script(redis_scripts.KEEP)
        self._take_back = connection.script(redis_scripts.TAKE_BACK)
        self._remove = connection.script(redis_scripts.REMOVE)
        self._clear = connection.script(redis_scripts.CLEAR)

    def get(self, key: CacheKey) -> Entry | None:
        return self.get_many((key,)).get(key)

    def get_many(self, keys: Iterable[CacheKey]) -> dict[CacheKey, Entry]:
        places = {key: self._connection.key("entry", _member(key)) for key in keys}
        if not places:
            return {}
        with self._connection.operation() as client:
            values = client.mget(list(places.values()))
        found: dict[CacheKey, Entry] = {}
        unreadable: list[CacheKey] = []
        for key, value in zip(places, values, strict=True):
            if not isinstance(value, bytes):
                continue  # None: there is nothing
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
        milliseconds = int((entry.expires_at - self._clock()) * 1000)
        if milliseconds < 1 or not permit():
            return False
        with self._connection.operation():
            kept = bool(self._keep(args=(self._prefix, _member(key), value, milliseconds, MOST_OF_ONE)))
        if not kept or permit():
            return kept
        # An invalidation came while Redis was at work, and nobody knows which of the two was first.
        with self._connection.operation():
            self._take_back(args=(self._prefix, _member(key), value[:8]))
        return False

    def invalidate(self, selection: Selection, before: int | None = None) -> set[str]:
        if not selection:
            return set()
        limit = "" if before is None else before
        return self._cleared(limit) if selection.everything else self._removed(selection, limit)

    def _cleared(self, before: int | str) -> set[str]:
        cleared: set[str] = set()
        cursor = b"0"
        while True:
            with self._connection.operation():
                cursor, shown = self._clear(args=(self._prefix, before, cursor, _ENTRIES_AT_ONCE))
            cleared.update(text.decode() for text in shown)
            if cursor == b"0":
                return cleared

    def _removed(self, selection: Selection, before: int | str) -> set[str]:
        cleared: set[str] = set()
        for part in selection.parts(_DEALS_AT_ONCE):
            arguments = (self._prefix, before, len(part.deal_ids), *part.deal_ids, *part.name_keys)
            with self._connection.operation():
                shown = self._remove(args=arguments)
            cleared.update(text.decode() for text in shown)
        return cleared


def _member(key: CacheKey) -> str:
    """What the entry under ``key`` is called in the indexes."""
    return f"{key.view}:{key.by}:{key.value}"
