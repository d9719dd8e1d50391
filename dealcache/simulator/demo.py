"""Deterministic demo data: the same numbers of deals and the same seed give the same account, on any day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random

from dealcache.simulator.associations import End
from dealcache.simulator.dataset import Dataset
from dealcache.simulator.demo_account import KICK_OFF, demo_owners, demo_pipelines
from dealcache.simulator.demo_activities import demo_properties
from dealcache.simulator.demo_deals import FIXED_DEALS, plan_deals, plan_properties
from dealcache.simulator.moments import to_iso, to_milliseconds
from dealcache.simulator.object_types import ACTIVITY_TYPES, DEALS, MEETINGS, NOTES
from dealcache.simulator.records import SINCE_EVER

#: The day that demo data is seen from: what happens after it are tasks that are not due yet.
REFERENCE = to_milliseconds("2026-11-01T09:00:00Z")
#: The id of the first demo deal, "Acme renewal".
FIRST_DEAL_ID = 7_891_023
#: The first id of each activity type: ids repeat between types, as they do in HubSpot.
FIRST_ACTIVITY_ID = 30_000_000_001

_DAY = 86_400_000


def demo_data(deals: int = 200, seed: int = 7) -> Dataset:
    """Makes an account with believable deals.

    Args:
        deals: how many. The first ones are those of :data:`~dealcache.simulator.demo_deals.FIXED_DEALS`; the second
            of them alone has 2,500 activities.
        seed: decides everything else.

    Returns:
        The account. Search finds all of it however far its index is behind.
    """
    data = Dataset()
    data.owners = demo_owners()
    data.pipelines = demo_pipelines()
    data.labels[frozenset({DEALS.name, "calls"})] = [KICK_OFF]
    builder = _Builder(data, Random(seed))
    for number, plan in enumerate(plan_deals(Random(seed + 1), deals)):
        builder.add_deal(number, plan.name, plan.activities)
    if deals >= len(FIXED_DEALS):
        _share_a_meeting(data)
        _archive_a_note(data)
    return data


def demo_deal_id(name: str) -> str:
    """The id of the first fixed demo deal of this name.

    Raises:
        ValueError: there is none.
    """
    return str(_deal_id([plan.name for plan in FIXED_DEALS].index(name)))


class _Builder:
    def __init__(self, data: Dataset, random: Random) -> None:
        self._data = data
        self._random = random
        self._next_ids = {kind.name: _ids(random) for kind in ACTIVITY_TYPES}

    def add_deal(self, number: int, name: str, activities: Mapping[str, int]) -> None:
        """Adds a deal with its activities, spread between its creation and the reference day."""
        random = self._random
        created = REFERENCE - random.randint(30 * _DAY, 700 * _DAY)
        closes = created + random.randint(20 * _DAY, 400 * _DAY)
        values = plan_properties(random) | {
            "dealname": name,
            "closedate": to_iso(closes) if random.random() < 0.9 else None,
        }
        changed = random.randint(created, REFERENCE)
        deal = self._data.create(
            DEALS.name,
            values,
            record_id=_deal_id(number),
            created_at=created / 1000,
            modified_at=changed / 1000,
            already_indexed=True,
        )
        source = End(DEALS.name, deal.id)
        for object_type, count in activities.items():
            for _ in range(count):
                self._add_activity(source, object_type, created)

    def _add_activity(self, deal: End, object_type: str, since: int) -> None:
        random = self._random
        happens = random.randint(since, REFERENCE)
        logged = happens
        if object_type == "tasks" and random.random() < 0.25:
            happens = REFERENCE + random.randint(_DAY, 400 * _DAY)
        values = demo_properties(random, object_type, happens)
        if random.random() < 0.005:
            values["hs_timestamp"] = None
        record = self._data.create(
            object_type,
            values,
            record_id=next(self._next_ids[object_type]),
            created_at=logged / 1000,
            modified_at=random.randint(logged, REFERENCE) / 1000,
            already_indexed=True,
        )
        labels = [KICK_OFF] if object_type == "calls" and random.random() < 0.1 else []
        self._data.graph.link(deal, End(object_type, record.id), labels)


def _deal_id(number: int) -> int:
    # Steps of more than one: ids of deals have gaps in HubSpot too.
    return FIRST_DEAL_ID + number * 3


def _ids(random: Random) -> Iterator[int]:
    current = FIRST_ACTIVITY_ID
    while True:
        yield current
        current += random.randint(1, 4)


def _share_a_meeting(data: Dataset) -> None:
    """Puts the first meeting of "Acme renewal" on "ACME RENEWAL" too."""
    acme, shouted = (End(DEALS.name, int(demo_deal_id(name))) for name in ("Acme renewal", "ACME RENEWAL"))
    first = data.graph.targets(acme, MEETINGS.name)[0]
    data.graph.link(shouted, End(MEETINGS.name, first))


def _archive_a_note(data: Dataset) -> None:
    """Associates a 61st activity with "Acme renewal" that is in the recycle bin, so it does not count."""
    store = data.store(NOTES)
    record = data.create(
        NOTES.name,
        {"hs_note_body": "<p>Wrong deal, sorry.</p>", "hs_timestamp": to_iso(REFERENCE - 9 * _DAY)},
        created_at=(REFERENCE - 9 * _DAY) / 1000,
        already_indexed=True,
    )
    data.graph.link(End(DEALS.name, int(demo_deal_id("Acme renewal"))), End(NOTES.name, record.id))
    store.set_archived(record, to_iso(REFERENCE - 8 * _DAY), SINCE_EVER)
