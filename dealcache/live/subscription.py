"""Which updates a client wants, and who of many clients wants which. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from dealcache.deals import name_key
from dealcache.live.updates import DealUpdate

C = TypeVar("C", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Subscription:
    """The deals that a client wants to hear of, by the keys of their names; None: all deals."""

    name_keys: frozenset[str] | None = None

    @classmethod
    def to(cls, names: Iterable[str]) -> Subscription:
        """To the deals of these names, in any case. No names: to no deal."""
        return cls(frozenset(map(name_key, names)))


class Audience(Generic[C]):
    """The clients by what they want, so that an update costs as much as it has recipients, not as there are clients.

    Attributes:
        of_all: those who want to hear of all deals.
    """

    def __init__(self) -> None:
        self.of_all: set[C] = set()
        self._by_name: dict[str, set[C]] = {}
        self._subscriptions: dict[C, Subscription] = {}

    def put(self, client: C, subscription: Subscription) -> None:
        """Note what a client wants, in place of what it wanted before."""
        self.remove(client)
        self._subscriptions[client] = subscription
        if subscription.name_keys is None:
            self.of_all.add(client)
            return
        for key in subscription.name_keys:
            self._by_name.setdefault(key, set()).add(client)

    def remove(self, client: C) -> None:
        """Forget a client, if it is known."""
        subscription = self._subscriptions.pop(client, None)
        self.of_all.discard(client)
        for key in (subscription and subscription.name_keys) or ():
            self._by_name[key].discard(client)
            if not self._by_name[key]:
                del self._by_name[key]

    def narrowed(self, updates: Sequence[DealUpdate]) -> dict[C, list[int]]:
        """Which of the updates those want who named deals: the places in ``updates``, in order, by client."""
        wanted: dict[C, list[int]] = {}
        for place, update in enumerate(updates):
            for client in set().union(*(self._by_name.get(key, ()) for key in update.name_keys)):
                wanted.setdefault(client, []).append(place)
        return wanted
