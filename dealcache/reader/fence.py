"""Fencing: an invalidation is never undone by a load that was under way when it came.

A load notes a token when it starts. An invalidation moves the fence for the deals that it selects. When the load has
its value, it may be kept only if no fence that concerns it has moved since the token was taken. A load that asks by
name does not know the deal's id yet, nor the other way round, so the question is asked when both are known.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable

from dealcache.deals import name_key
from dealcache.tiers import CacheKey, Entry, Selection


class Fence:
    """Remembers when each deal was last invalidated, in the order of invalidations.

    Args:
        remember: how many single marks are kept. When there are more, the oldest is dropped and every load that is
            older than it is refused: forgetting may cost a load its place in the cache, never its truth.
    """

    def __init__(self, remember: int = 20_000) -> None:
        self._lock = threading.Lock()
        self._sequence = 0
        self._floor = 0
        self._moved: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._remember = remember

    def token(self) -> int:
        """What a load takes with it when it starts."""
        with self._lock:
            return self._sequence

    def move(self, selection: Selection) -> None:
        """Refuse from now on what loads that are under way bring for the selected deals."""
        with self._lock:
            self._move(selection)

    def move_for(self, token: int, selection: Selection) -> int:
        """Move the fence on behalf of one load, which itself may still store what it brings.

        Args:
            token: what the load took when it started.
            selection: the deals that it brings.

        Returns:
            The token with which the load may store; its old one, which is refused from now on, when somebody else
            invalidated one of the deals since it started.
        """
        with self._lock:
            valid = self._passes(token, _marks(selection.deal_ids, selection.name_keys))
            self._move(selection)
            return self._sequence if valid else token

    def _move(self, selection: Selection) -> None:
        self._sequence += 1
        if selection.everything:
            self._floor = self._sequence
            self._moved.clear()
            return
        for mark in _marks(selection.deal_ids, selection.name_keys):
            self._moved[mark] = self._sequence
            self._moved.move_to_end(mark)
        while len(self._moved) > self._remember:
            _, dropped = self._moved.popitem(last=False)
            self._floor = max(self._floor, dropped)

    def permits(self, token: int, key: CacheKey, entry: Entry) -> bool:
        """Whether what a load that started with ``token`` brought for ``key`` is still to be trusted."""
        ids = [entry.deal_id] if entry.deal_id is not None else []
        names = {name_key(name) for name in (entry.deal_name, key.value if key.by == "name" else None) if name}
        with self._lock:
            return self._passes(token, _marks(ids, names))

    def _passes(self, token: int, marks: list[tuple[str, str]]) -> bool:
        return token >= self._floor and all(self._moved.get(mark, 0) <= token for mark in marks)


def _marks(deal_ids: Iterable[str], name_keys: Iterable[str]) -> list[tuple[str, str]]:
    return [("id", deal_id) for deal_id in deal_ids] + [("name", name) for name in name_keys]
