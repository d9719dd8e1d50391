"""Stirs up an account at random, and puts faults between it and whoever calls."""

from __future__ import annotations

import threading
from collections.abc import Callable
from random import Random

from dealcache.model.deals import ENGAGEMENT_TYPES
from dealcache.sandbox.simulator import Dataset, Fault, Simulator, activities_of, live_deals
from tests.integration.sync.harness import Account, some_deals

STAGES = ("appointmentscheduled", "contractsent", "closedwon", "closedlost")

#: What may become of a call, each as likely as the others.
FAULTS = (
    Fault("", 429),
    Fault("", 429, headers={"Retry-After": "7"}),
    Fault("", 500),
    Fault("", 502, html=True),
    Fault("", reset=True),
    Fault("", cut_short=True),
)


def scattered_deals(count: int, seed: int) -> Dataset:
    """Deals of which each has up to twenty activities, and the first two hundred calls besides: two pages of them."""
    data, random = some_deals(count, kinds=()), Random(seed)
    for deal_id in [str(deal.id) for deal in live_deals(data)]:
        for kind in random.choices(ENGAGEMENT_TYPES, k=random.randint(0, 20)):
            data.add_activity(kind, deals=[deal_id], already_indexed=True)
    for _ in range(200):
        data.add_activity("calls", deals=["1001"], already_indexed=True)
    return data


class Storm:
    """Changes an account as people, integrations and imports do, all decided by a seed.

    Args:
        account: the account; its clock goes on with every change.
        seed: decides everything.
    """

    def __init__(self, account: Account, seed: int) -> None:
        self._account = account
        self._data = account.data
        self._random = Random(seed)
        self._archived: list[tuple[str, str]] = []

    def blow(self, changes: int) -> None:
        """Make so many changes, within a few minutes."""
        kinds: tuple[tuple[Callable[[], None], int], ...] = (
            (self._update_deal, 20),
            (self._update_activity, 20),
            (self._add_deal, 8),
            (self._add_activity, 20),
            (self._archive, 8),
            (self._restore, 5),
            (self._associate, 10),
            (self._disassociate, 10),
            (self._merge, 6),
        )
        for work in self._random.choices([work for work, _ in kinds], [weight for _, weight in kinds], k=changes):
            work()
            self._account.clock.tick(self._random.random())

    def _deal(self) -> str:
        return str(self._random.choice(live_deals(self._data)).id)

    def _activity(self) -> tuple[str, str, str] | None:
        """A deal, and one of its activities."""
        deal_id = self._deal()
        rows = activities_of(self._data, deal_id)
        return (deal_id, *self._random.choice(rows)[:2]) if rows else None

    def _update_deal(self) -> None:
        values = {"dealname": f"Deal {self._random.randint(1, 400)}", "dealstage": self._random.choice(STAGES)}
        self._data.update("deals", self._deal(), values)

    def _update_activity(self) -> None:
        if (found := self._activity()) is not None:
            day = f"2026-0{self._random.randint(1, 9)}-1{self._random.randint(0, 9)}T10:00:00.000Z"
            self._data.update(found[1], found[2], {"hs_timestamp": day})

    def _add_deal(self) -> None:
        deal_id = self._data.add_deal(f"Deal {self._random.randint(1, 400)}")
        for kind in self._random.choices(ENGAGEMENT_TYPES, k=self._random.randint(0, 4)):
            self._data.add_activity(kind, deals=[deal_id])

    def _add_activity(self) -> None:
        deals = sorted({self._deal() for _ in range(self._random.randint(1, 3))})
        self._data.add_activity(self._random.choice(ENGAGEMENT_TYPES), deals=deals)

    def _archive(self) -> None:
        found = self._activity()
        kind, one = ("deals", self._deal()) if found is None or self._random.random() < 0.4 else found[1:]
        self._data.archive(kind, one)
        self._archived.append((kind, one))

    def _restore(self) -> None:
        if self._archived:
            self._data.restore(*self._archived.pop(self._random.randrange(len(self._archived))))

    def _associate(self) -> None:
        if (found := self._activity()) is not None:
            self._data.associate("deals", self._deal(), *found[1:])

    def _disassociate(self) -> None:
        if (found := self._activity()) is not None:
            self._data.disassociate("deals", *found)

    def _merge(self) -> None:
        one, other = self._deal(), self._deal()
        if one != other:
            self._data.merge("deals", one, other, keep_primary=self._random.random() < 0.3)


def spoil_calls(hubspot: Simulator, share: float, seed: int) -> list[Fault]:
    """From now on let a ``share`` (0 to 1) of all calls go wrong, at random; returns what is added to as they do."""
    random, lock = Random(seed), threading.Lock()
    hit: list[Fault] = []

    def take(_kind: str, _method: str, _path: str, _body: bytes = b"") -> Fault | None:
        with lock:
            if random.random() >= share:
                return None
            hit.append(random.choice(FAULTS))
            return hit[-1]

    hubspot.faults.take = take  # type: ignore[method-assign]
    return hit
