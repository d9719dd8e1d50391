"""Fencing: a load that was in progress during an invalidation never undoes it.

A load takes a token when it starts. An invalidation moves the fence for the deals that it selects. The value of the
load may be kept only if no fence that concerns it has moved since the token was taken. A load by name does not know the
deal's id yet, nor the other way round, so this is checked when both are known.

A token has two numbers. Its ``sequence`` counts the moves of this process's fence. Its ``generation`` is a position in
the invalidation log that all processes share; it is stored with the value, so that another process can tell whether the
value is older than the last invalidation of its deal.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from dealcache.model.deals import DealKey, name_key
from dealcache.model.invalidation import Changes, Selection
from dealcache.tiers import CacheKey, Entry


class Token(NamedTuple):
    """The state of the fence and of the invalidation log when a load starts."""

    sequence: int
    generation: int


@dataclass(frozen=True, slots=True)
class Applied:
    """The effect of an invalidation in this process.

    Args:
        cleared: the displayed keys removed from memory.
        token: the token with which the load on whose behalf it was made may store its value; None if it may not, or
            there was no such load.
        generation: its position in the invalidation log; None if it could not be recorded yet.
    """

    cleared: frozenset[str]
    token: Token | None = None
    generation: int | None = None

    @property
    def everywhere(self) -> bool:
        """True if every other worker will know of it within a second."""
        return self.generation is not None


#: Invalidates the selected deals, and returns once that holds here and is recorded for all other processes; if it
#: cannot be recorded, it still holds here, and is recorded as soon as possible. Takes the views that really changed
#: (None for a clear, where nothing did), and the token of a load with the new value of the deals.
Publish = Callable[[Selection, Changes | None, Token | None], Applied]


class Fence:
    """Remembers when each deal was last invalidated.

    Args:
        remember: how many single marks are kept. Beyond that the oldest is dropped, and every value older than it is
            refused: forgetting may cost a value its place in the cache, but never serves an outdated one.
    """

    def __init__(self, remember: int = 20_000) -> None:
        self._lock = threading.Lock()
        self._now = Token(0, 0)
        self._floor = Token(0, 0)
        self._moved: OrderedDict[tuple[str, str], Token] = OrderedDict()
        self._vague = {"id": 0, "name": 0}
        self._remember = remember
        self._begun = False
        self._unheard = 0

    def begin(self, oldest: int) -> None:
        """Note that the invalidation log is known from now on, back to the generation ``oldest``; 0 for all of it.

        Until then values kept by other processes cannot be judged, and none is trusted.
        """
        with self._lock:
            self._now = Token(self._now.sequence, max(self._now.generation, oldest))
            self._floor = Token(self._floor.sequence, max(self._floor.generation, oldest))
            self._begun = True

    def restart(self, generation: int) -> None:
        """Note that the invalidation log was replaced, and is at ``generation`` now: nothing older can be judged."""
        with self._lock:
            self._now = Token(self._now.sequence + 1, generation)
            self._floor = self._now
            self._moved.clear()
            self._vague = {"id": 0, "name": 0}
            self._unheard = 0

    @property
    def unheard(self) -> int:
        """The highest generation, not known here, of a value that :meth:`trusts` refused; 0 without one."""
        return self._unheard

    def token(self) -> Token:
        """Return the token that a load takes when it starts."""
        with self._lock:
            return self._now

    def last_of(self, key: DealKey) -> int:
        """Return the generation of the last invalidation known here that may concern the deal.

        One without names may concern a deal of any name, and one without ids a deal of any id.
        """
        mark = (key.by, name_key(key.value) if key.by == "name" else key.value)
        with self._lock:
            return max(self._floor.generation, self._moved.get(mark, self._floor).generation, self._vague[key.by])

    def moved_since(self, generation: int) -> Selection:
        """Return what invalidations later than ``generation`` select; everything, if they are no longer known."""
        with self._lock:
            if self._floor.generation > generation:
                return Selection.all()
            marks = [mark for mark, token in self._moved.items() if token.generation > generation]
        return Selection(
            frozenset(value for kind, value in marks if kind == "id"),
            frozenset(value for kind, value in marks if kind == "name"),
        )

    def move(self, selection: Selection, generation: int | None = None, claim: Token | None = None) -> Token | None:
        """Refuse values of older loads for the selected deals from now on.

        Args:
            selection: the deals.
            generation: the position in the invalidation log; None if it has none, so that values kept by other
                processes cannot be judged by it.
            claim: the token of the load on whose behalf the fence moves, and which may still store its value.

        Returns:
            The token with which that load may store its value; None if another invalidation of one of the deals has
            come since it started, or there is no such load.
        """
        with self._lock:
            valid = claim is not None and self._passes(claim, _marks(selection.deal_ids, selection.name_keys))
            self._move(selection, generation)
            return self._now if valid else None

    def _move(self, selection: Selection, generation: int | None) -> None:
        self._now = Token(self._now.sequence + 1, max(self._now.generation, generation or 0))
        if selection.everything:
            # All of it, also for an invalidation without a position of its own, because the marks are forgotten here.
            self._floor = self._now
            self._moved.clear()
            return
        for kind, marks in (("id", selection.deal_ids), ("name", selection.name_keys)):
            if not marks:
                self._vague[kind] = max(self._vague[kind], generation or 0)
        for mark in _marks(selection.deal_ids, selection.name_keys):
            before = self._moved.get(mark, self._floor)
            self._moved[mark] = Token(self._now.sequence, max(before.generation, generation or 0))
            self._moved.move_to_end(mark)
        while len(self._moved) > self._remember:
            _, dropped = self._moved.popitem(last=False)
            self._floor = Token(
                max(self._floor.sequence, dropped.sequence), max(self._floor.generation, dropped.generation)
            )

    def permits(self, token: Token, key: CacheKey, entry: Entry) -> bool:
        """Return True if the value for ``key`` of a load of this process that started with ``token`` may be kept."""
        with self._lock:
            return self._passes(token, _marks_of(key, entry))

    def trusts(self, key: CacheKey, entry: Entry) -> bool:
        """Return True if a value kept by any process is younger than all known invalidations of its deal.

        A value of a generation that is not known here is refused. Either the process that kept it is ahead, for a
        moment; or MongoDB was restored from a backup, and then later invalidations have lower generations.
        """
        with self._lock:
            if entry.generation > self._now.generation:
                self._unheard = max(self._unheard, entry.generation)
                return False
            marks = _marks_of(key, entry)
            known = [self._moved[mark].generation for mark in marks if mark in self._moved]
            return self._begun and entry.generation >= max([self._floor.generation, *known])

    def _passes(self, token: Token, marks: list[tuple[str, str]]) -> bool:
        return token.sequence >= self._floor.sequence and all(
            self._moved[mark].sequence <= token.sequence for mark in marks if mark in self._moved
        )


def _marks_of(key: CacheKey, entry: Entry) -> list[tuple[str, str]]:
    ids = [entry.deal_id] if entry.deal_id is not None else []
    names = {name_key(name) for name in (entry.deal_name, key.value if key.by == "name" else None) if name}
    return _marks(ids, names)


def _marks(deal_ids: Iterable[str], name_keys: Iterable[str]) -> list[tuple[str, str]]:
    return [("id", deal_id) for deal_id in deal_ids] + [("name", name) for name in name_keys]
