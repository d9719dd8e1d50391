"""The updates that a client has subscribed to, and the subscribers of an update. Pure."""

from __future__ import annotations

import sys
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from dealcache.live.messages import DealUpdate
from dealcache.model.deals import name_key

C = TypeVar("C", bound=Hashable)

#: The most names of all clients of a worker together, and the most bytes of these names.
MOST_NAMES_OF_ALL, MOST_BYTES_OF_ALL = 100_000, 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Subscription:
    """The deals that a client has subscribed to, by the keys of their names; None for all deals."""

    name_keys: frozenset[str] | None = None

    @classmethod
    def to(cls, names: Iterable[str]) -> Subscription:
        """To the deals of these names, in any case. No names: to no deal."""
        return cls(frozenset(map(name_key, names)))

    @property
    def cost(self) -> tuple[int, int]:
        """Return the number of its names, and the bytes that they take."""
        keys = self.name_keys or ()
        return len(keys), sum(map(sys.getsizeof, keys))


class Audience(Generic[C]):
    """The clients by their subscriptions, so that the cost of an update depends on its recipients, not on all clients.

    Attributes:
        of_all: the clients that have subscribed to all deals.
    """

    def __init__(self) -> None:
        self.of_all: set[C] = set()
        self._by_name: dict[str, set[C]] = {}
        self._subscriptions: dict[C, Subscription] = {}
        self._names = self._bytes = 0

    def has_room(self, client: C, subscription: Subscription) -> bool:
        """Return True if there is room for a client's new subscription in place of its present one."""
        names, size = subscription.cost
        had = self._subscriptions.get(client)
        had_names, had_size = had.cost if had is not None else (0, 0)
        names_of_all, bytes_of_all = self._names + names - had_names, self._bytes + size - had_size
        return not names or (names_of_all <= MOST_NAMES_OF_ALL and bytes_of_all <= MOST_BYTES_OF_ALL)

    def put(self, client: C, subscription: Subscription) -> None:
        """Replace the subscription of a client."""
        self.remove(client)
        self._subscriptions[client] = subscription
        self._count(subscription, 1)
        if subscription.name_keys is None:
            self.of_all.add(client)
            return
        for key in subscription.name_keys:
            self._by_name.setdefault(key, set()).add(client)

    def remove(self, client: C) -> None:
        """Forget a client, if it is known."""
        subscription = self._subscriptions.pop(client, None)
        if subscription is not None:
            self._count(subscription, -1)
        self.of_all.discard(client)
        for key in (subscription and subscription.name_keys) or ():
            self._by_name[key].discard(client)
            if not self._by_name[key]:
                del self._by_name[key]

    def _count(self, subscription: Subscription, sign: int) -> None:
        names, size = subscription.cost
        self._names += sign * names
        self._bytes += sign * size

    def narrowed(self, updates: Sequence[DealUpdate]) -> dict[C, list[int]]:
        """Return the updates for each client that named deals, by their indexes in ``updates``, in order."""
        wanted: dict[C, list[int]] = {}
        for place, update in enumerate(updates):
            for client in set().union(*(self._by_name.get(key, ()) for key in update.name_keys)):
                wanted.setdefault(client, []).append(place)
        return wanted
