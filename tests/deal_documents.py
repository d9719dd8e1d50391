"""Documents of ``deal_info`` for lists, as many as a test wants, without a sync."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo.database import Database

from dealcache.repositories.documents import name_fields

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
STAGES = ("qualified", "offer", "won", "lost")
PIPELINES = ("default", "renewals")
OWNERS = (None, *(str(910_900 + one) for one in range(40)))
WORDS = (
    "Acme",
    "Globex",
    "Initech",
    "Müller",
    "Söhne",
    "Umbrella",
    "renewal",
    "pilot",
    "expansion",
    "Ångström",
    "deal",
)

_BATCH = 2_000


def deal_documents(count: int, seed: int = 1) -> list[dict[str, Any]]:
    """Return so many deals; a tenth has no amount, a third no date of closing, some no activities."""
    some = random.Random(seed)
    return [_deal(number, some) for number in range(count)]


def _deal(number: int, some: random.Random) -> dict[str, Any]:
    def ago(days: int) -> datetime:
        return NOW - timedelta(milliseconds=some.randrange(days * 86_400_000))

    name = f"{some.choice(WORDS)} {some.choice(WORDS)} {some.choice(WORDS)} {number}"
    created, activities = ago(1_000), some.randrange(30)
    last = ago(300) if activities else None
    planned = {"next": NOW + timedelta(days=number % 9 + 1)} if activities and number % 7 == 0 else {}
    return name_fields(name) | {
        "deal_id": str(7_000_000 + number),
        "deal_name": name,
        "hubspot_updated_at": ago(200),
        "owner_id": some.choice(OWNERS),
        "stage_id": some.choices(STAGES, (8, 32, 40, 20))[0],
        "pipeline_id": some.choice(PIPELINES),
        "amount": None if some.random() < 0.1 else some.randrange(100, 10_000_000) / 100,
        "create_date": created,
        "close_date": None if some.random() < 0.3 else created + timedelta(days=some.randrange(200)),
        "archived": False,
        "archived_at": None,
        "merged_ids": [],
        "synced_at": NOW,
        "timeline_synced_at": NOW,
        "associations_read_at": NOW,
        "activities": {
            "count": activities,
            "by_type": {"Note": activities} if activities else {},
            "first": last and last - timedelta(days=30),
            "last": last,
            "end": planned.get("next", last),
        }
        | planned,
    }


def insert(database: Database[dict[str, Any]], documents: list[dict[str, Any]]) -> None:
    """Insert documents some at a time."""
    for start in range(0, len(documents), _BATCH):
        database.deal_info.insert_many(documents[start : start + _BATCH])
