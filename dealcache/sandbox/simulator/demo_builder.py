"""Puts planned demo deals and their activities into an account."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from dealcache.sandbox.simulator.associations import End
from dealcache.sandbox.simulator.currencies import CURRENCY_CODE
from dealcache.sandbox.simulator.dataset import Dataset
from dealcache.sandbox.simulator.demo_account import KICK_OFF
from dealcache.sandbox.simulator.demo_activities import demo_properties
from dealcache.sandbox.simulator.demo_currencies import DemoCurrencies
from dealcache.sandbox.simulator.demo_deals import DealPlan, plan_properties, random_types
from dealcache.sandbox.simulator.demo_stages import plan_stages
from dealcache.sandbox.simulator.object_types import ACTIVITY_TYPES, DEALS
from dealcache.sandbox.simulator.own_properties import plan_own_properties
from dealcache.sandbox.simulator.timestamps import to_iso, to_milliseconds

#: The moment that demo data is seen from unless another is given: what happens after it are tasks that are not due yet.
REFERENCE = to_milliseconds("2026-11-01T09:00:00Z")
#: The first id of each activity type: ids repeat between types, as they do in HubSpot.
FIRST_ACTIVITY_ID = 30_000_000_001

DAY = 86_400_000


class DemoBuilder:
    """Makes records whose values only the seed decides.

    Args:
        data: where to.
        seed: decides what is left to chance.
        shared: the share of activities (0 to 1) that are on the last deal of the same company too.
        currencies: gives the deals their currencies; they have none unless given.
        seen_from: the moment that the data is seen from, in milliseconds since 1970.
    """

    def __init__(
        self,
        data: Dataset,
        seed: int,
        shared: float,
        currencies: DemoCurrencies | None = None,
        seen_from: int = REFERENCE,
    ) -> None:
        self._seen_from = seen_from
        self._currencies = currencies
        self._data = data
        self._random = Random(seed)
        # What is shared is decided apart, so that nothing else depends on how much it is.
        self._sharing = Random(seed + 2)
        # So are the ways of deals through their stages.
        self._staging = Random(seed + 3)
        # And their own properties.
        self._owning = Random(seed + 5)
        self._shared = shared
        self._last_of_company: dict[str, End] = {}
        self._next_ids = {kind.name: _ids(self._random) for kind in ACTIVITY_TYPES}
        self._activities = 0

    def add_deal(self, deal_id: int, plan: DealPlan, *, fixed: bool) -> None:
        """Adds a deal with its activities, spread between its creation and the moment that the data is seen from.

        Args:
            deal_id: its id.
            plan: its name and its activities.
            fixed: keeps the activities of later deals off it.
        """
        random = self._random
        created = self._seen_from - random.randint(30 * DAY, 700 * DAY)
        closes = created + random.randint(20 * DAY, 400 * DAY)
        values = plan_properties(random) | {
            "dealname": plan.name,
            "closedate": to_iso(closes) if random.random() < 0.9 else None,
        }
        if self._currencies is not None:
            values[CURRENCY_CODE] = self._currencies.code(plan.name)
        changed = random.randint(created, self._seen_from)
        values |= plan_own_properties(self._owning, created)
        values |= plan_stages(self._staging, values["dealstage"] or "", created, changed)
        self._data.create(
            DEALS.name,
            values,
            record_id=deal_id,
            created_at=created / 1000,
            modified_at=changed / 1000,
            already_indexed=True,
        )
        source = End(DEALS.name, deal_id)
        company = plan.name.casefold().split()[0]
        sibling = self._last_of_company.get(company)
        for object_type, count in plan.activities.items():
            for _ in range(count):
                self._associate(source, self._add_activity(object_type, created), sibling)
        if not fixed:
            self._last_of_company[company] = source

    def add_unassociated(self, share: float) -> None:
        """Adds activities that are on no deal, until they are ``share`` (0 to less than 1) of all."""
        for object_type in random_types(self._random, round(self._activities * share / (1 - share))):
            self._add_activity(object_type, self._seen_from - 700 * DAY)

    def _add_activity(self, object_type: str, since: int) -> End:
        random = self._random
        happens = random.randint(since, self._seen_from)
        logged = happens
        if object_type == "tasks" and random.random() < 0.25:
            happens = self._seen_from + random.randint(DAY, 400 * DAY)
        values = demo_properties(random, object_type, happens)
        if random.random() < 0.005:
            values["hs_timestamp"] = None
        record = self._data.create(
            object_type,
            values,
            record_id=next(self._next_ids[object_type]),
            created_at=logged / 1000,
            modified_at=random.randint(logged, self._seen_from) / 1000,
            already_indexed=True,
        )
        self._activities += 1
        return End(object_type, record.id)

    def _associate(self, deal: End, activity: End, sibling: End | None) -> None:
        labels = [KICK_OFF] if activity.type == "calls" and self._random.random() < 0.1 else []
        self._data.graph.link(deal, activity, labels)
        if sibling is not None and self._shared and self._sharing.random() < self._shared:
            self._data.graph.link(sibling, activity)


def _ids(random: Random) -> Iterator[int]:
    current = FIRST_ACTIVITY_ID
    while True:
        yield current
        current += random.randint(1, 4)
