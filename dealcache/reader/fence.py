"""Fencing: an invalidation is never undone by a load that was under way when it came.

A load notes a token when it starts. An invalidation moves the fence for the deals that it selects. When the load has
its value, it may be kept only if no fence that concerns it has moved since the token was taken. A load that asks by
name does not know the deal's id yet, nor the other way round, so the question is asked when both are known.

A token has two numbers. Its ``sequence`` counts what moved the fence of this process, in the order in which it did. Its
``generation`` is a place in the invalidation log that all processes share; it goes with the value wherever it is kept,
so that another process can tell whether the value is older than the last invalidation of its deal.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import NamedTuple

from dealcache.model.deals import DealKey, name_key
from dealcache.model.invalidation import Selection
from dealcache.tiers import CacheKey, Entry


class Token(NamedTuple):
    """The state of the fence when a load starts: how far this fence and the invalidation log had come."""

    sequence: int
    generation: int


class Fence:
    """Remembers when each deal was last invalidated.

    Args:
        remember: how many single marks are kept. When there are more, the oldest is dropped and every value that is
            older than it is refused: forgetting may cost a value its place in the cache, never its truth.
    """

    def __init__(self, remember: int = 20_000) -> None:
        self._lock = threading.Lock()
        self._now = Token(0, 0)
        self._floor = Token(0, 0)
        self._moved: OrderedDict[tuple[str, str], Token] = OrderedDict()
        self._vague = {"id": 0, "name": 0}
        self._remember = remember
        self._begun = False

    def begin(self, oldest: int) -> None:
        """From now on the invalidation log is known, back to the generation ``oldest``, 0 for all of it.

        Until then no value that another process has kept can be judged, and none is trusted.
        """
        with self._lock:
            self._floor = Token(self._floor.sequence, max(self._floor.generation, oldest))
            self._begun = True

    def restart(self, generation: int) -> None:
        """The invalidation log is another one than before, at ``generation`` now: nothing older can be judged."""
        with self._lock:
            self._now = Token(self._now.sequence + 1, generation)
            self._floor = self._now
            self._moved.clear()
            self._vague = {"id": 0, "name": 0}

    def token(self) -> Token:
        """Return the token that a load takes when it starts."""
        with self._lock:
            return self._now

    def last_of(self, key: DealKey) -> int:
        """The generation of the last invalidation that is known here and may concern the deal.

        One that tells no names may concern a deal of any name, and likewise with ids.
        """
        mark = (key.by, name_key(key.value) if key.by == "name" else key.value)
        with self._lock:
            return max(self._floor.generation, self._moved.get(mark, self._floor).generation, self._vague[key.by])

    def moved_since(self, generation: int) -> Selection:
        """Return what invalidations later than ``generation`` concern; everything, where that is not known any more."""
        with self._lock:
            if self._floor.generation > generation:
                return Selection.all()
            marks = [mark for mark, token in self._moved.items() if token.generation > generation]
        return Selection(
            frozenset(value for kind, value in marks if kind == "id"),
            frozenset(value for kind, value in marks if kind == "name"),
        )

    def move(self, selection: Selection, generation: int | None = None, claim: Token | None = None) -> Token | None:
        """Refuse from now on what older loads bring for the selected deals.

        Args:
            selection: the deals.
            generation: the invalidation's place in the invalidation log; None when it has none, so that values which
                other processes keep cannot be judged by it.
            claim: the token of one load on whose behalf the fence moves, and which may still store what it brings.

        Returns:
            The token with which that load may store; None when one of the deals was invalidated otherwise since it
            started, or when there is no such load.
        """
        with self._lock:
            valid = claim is not None and self._passes(claim, _marks(selection.deal_ids, selection.name_keys))
            self._move(selection, generation)
            return self._now if valid else None

    def _move(self, selection: Selection, generation: int | None) -> None:
        self._now = Token(self._now.sequence + 1, max(self._now.generation, generation or 0))
        if selection.everything:
            # All of it, also for an invalidation without a place of its own: what the marks knew is forgotten here.
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
        """Return True if what a load of this process that started with ``token`` brought for ``key`` may be kept."""
        with self._lock:
            return self._passes(token, _marks_of(key, entry))

    def trusts(self, key: CacheKey, entry: Entry) -> bool:
        """Return True if what any process keeps is younger than all invalidations of its deal that are known here."""
        with self._lock:
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
