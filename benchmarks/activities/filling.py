"""Deals with activities written straight into MongoDB, as the service would have written them after a full load."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from pymongo.database import Database

from dealcache.model.deals import EVENT_TYPES, Deal, Event, LoadedDeal
from dealcache.repositories.documents import deal_fields, event_fields

#: Activities of a deal on average, and the most.
_PER_DEAL, _MOST = 10, 19
_BEGIN, _DAYS = datetime(2024, 1, 1, tzinfo=UTC), 1_100
_AT_ONCE = 5_000
_FIRST_ID = 10**10
_OWNERS = [str(910_901 + number) for number in range(50)]


def fill(database: Database[dict[str, Any]], activities: int) -> int:
    """Store about so many activities, ten for each deal, of 50 owners in all stages; return the number of deals."""
    rng, at = random.Random(activities), datetime.now(UTC).replace(microsecond=0)
    stages = [(one["pipeline_id"], stage["stage_id"]) for one in database.pipelines.find() for stage in one["stages"]]
    database.owners.delete_many({})
    database.owners.insert_many(
        {"owner_id": owner_id, "name": f"Owner {owner_id}", "archived": False, "synced_at": at} for owner_id in _OWNERS
    )
    deals = activities // _PER_DEAL
    for first in range(0, deals, _AT_ONCE // _PER_DEAL):
        loads = [_load(rng, number, rng.choice(stages), at) for number in range(first, min(deals, first + 500))]
        database.deal_info.insert_many([_document(load, at) for load in loads], ordered=False)
        events = (event_fields(load.deal.deal_id, event) | {"synced_at": at} for load in loads for event in load.events)
        while batch := list(islice(events, _AT_ONCE)):
            database.deal_timeline.insert_many(batch, ordered=False)
    return deals


def loads(count: int, began: datetime, stage: tuple[str, str]) -> Iterator[LoadedDeal]:
    """Yield new loads of some of the deals, in a stage, with other activities."""
    rng = random.Random(began.timestamp())
    for number in rng.sample(range(count * 4), count):
        yield _load(rng, number, stage, began)


def _load(rng: random.Random, number: int, stage: tuple[str, str], at: datetime) -> LoadedDeal:
    created = _BEGIN + timedelta(days=rng.random() * _DAYS)
    deal = Deal(
        deal_id=str(_FIRST_ID + number),
        deal_name=f"Deal of Company {number}",
        hubspot_updated_at=at,
        owner_id=rng.choice(_OWNERS),
        stage_id=stage[1],
        pipeline_id=stage[0],
        amount=1000.0,
        create_date=created,
    )
    events = tuple(_event(rng, number * 100 + place, created, at) for place in range(rng.randrange(_MOST + 1) + 1))
    return LoadedDeal(deal, events, (), at)


def _event(rng: random.Random, number: int, created: datetime, at: datetime) -> Event:
    return Event(
        "notes",
        str(number),
        created + timedelta(days=rng.random() * 100),
        rng.choice(EVENT_TYPES[:6]),
        "Subject",
        "Content",
        rng.choice(_OWNERS),
        "",
        at,
    )


def _document(load: LoadedDeal, at: datetime) -> dict[str, Any]:
    times = [event.occurred_at for event in load.events]
    summary = {"count": len(times), "first": min(times), "last": max(times), "end": max(times)}
    dates = dict.fromkeys(("synced_at", "timeline_synced_at", "associations_read_at"), at)
    return deal_fields(load.deal) | dates | {"activities": summary}
