"""Deals written straight into MongoDB, as the service would have written them after a full load."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from pymongo.database import Database

from dealcache.model.deals import Deal
from dealcache.repositories import Connection, DealInfoRepository
from dealcache.repositories.documents import deal_fields

_WORDS = (
    "Renewal",
    "Expansion",
    "Pilot",
    "Onboarding",
    "Licence",
    "Support",
    "Training",
    "Migration",
    "Audit",
    "Rollout",
)
BEGIN, DAYS = datetime(2024, 1, 1, tzinfo=UTC), 1_000
_AT_ONCE = 5_000
_FIRST_ID = 10**10


class Changes:
    """Changes one deal again and again, as a sync does.

    Args:
        connection: to a database that :func:`fill` has filled.
    """

    def __init__(self, connection: Connection) -> None:
        self._deals = DealInfoRepository(connection)
        self._amount = 0.0

    def make(self) -> None:
        """Give the first deal another amount."""
        stored = self._deals.stored([str(_FIRST_ID)])[str(_FIRST_ID)]
        self._amount += 1
        now = datetime.now(UTC)
        self._deals.store([replace(stored.deal, amount=self._amount, hubspot_updated_at=now)], now)


def give_currencies(database: Database[dict[str, Any]]) -> None:
    """Give seven of ten deals the currency of the simulated company, two another one, and one a third."""
    for code, last_digits in (("USD", "0123456"), ("EUR", "78"), ("JPY", "9")):
        currency = {"currency": code, "amount_in_home_currency": 1.0}
        currency |= {} if code == "USD" else {"foreign_currency": code}
        database.deal_info.update_many({"deal_id": {"$regex": f"[{last_digits}]$"}}, {"$set": currency})


def fill(
    database: Database[dict[str, Any]], count: int, further: Callable[[random.Random], dict[str, Any]] | None = None
) -> None:
    """Store ``count`` deals in the stages and of the owners that are stored; the same ones each time.

    Args:
        database: where to.
        count: how many.
        further: returns the own properties of a deal.
    """
    rng, at = random.Random(count), datetime.now(UTC).replace(microsecond=0)
    stages = [(one["pipeline_id"], stage["stage_id"]) for one in database.pipelines.find() for stage in one["stages"]]
    owners = [one["owner_id"] for one in database.owners.find()]
    documents = (
        _document(rng, number, at, rng.choice(stages), rng.choice(owners))
        | ({} if further is None else {"properties": further(rng)})
        for number in range(count)
    )
    while batch := list(islice(documents, _AT_ONCE)):
        database.deal_info.insert_many(batch, ordered=False)


def _document(rng: random.Random, number: int, at: datetime, stage: tuple[str, str], owner_id: str) -> dict[str, Any]:
    created = BEGIN + timedelta(days=rng.random() * DAYS)
    deal = Deal(
        deal_id=str(_FIRST_ID + number),
        deal_name=f"{rng.choice(_WORDS)} of Company {rng.randrange(20_000)}, number {number}",
        hubspot_updated_at=created + timedelta(days=rng.random() * 30),
        owner_id=owner_id,
        stage_id=stage[1],
        pipeline_id=stage[0],
        amount=round(rng.lognormvariate(9, 1), 2) if rng.random() < 0.9 else None,
        create_date=created,
        close_date=created + timedelta(days=rng.randrange(200)),
    )
    activities = rng.randrange(30)
    first, last = (created, created + timedelta(days=rng.randrange(200))) if activities else (None, None)
    planned = at + timedelta(days=30 + rng.random() * 300) if activities and rng.random() < 0.1 else None
    summary = {"count": activities, "by_type": {"Note": activities} if activities else {}, "first": first}
    return {
        **deal_fields(deal),
        **dict.fromkeys(("synced_at", "timeline_synced_at", "associations_read_at"), at),
        "activities": summary | {"last": last, "next": planned, "end": planned or last},
    }
