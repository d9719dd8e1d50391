"""Deals and events for the tests of the repositories."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from dealcache.model.deals import Deal, Event, LoadedDeal

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


def at(minutes: float) -> datetime:
    """So many minutes after noon."""
    return NOON + timedelta(minutes=minutes)


def a_deal(deal_id: str = "1", **changes: Any) -> Deal:
    """A deal with every field set that comes from HubSpot."""
    values: dict[str, Any] = {
        "deal_id": deal_id,
        "deal_name": "Acme renewal",
        "hubspot_updated_at": NOON,
        "owner_id": "910901",
        "stage_id": "contractsent",
        "pipeline_id": "default",
        "amount": 1500.0,
        "create_date": at(-9000),
        "close_date": at(9000),
    }
    return Deal(**values | changes)


def an_event(number: int = 1, **changes: Any) -> Event:
    """An email, each a minute after the one with the number before it."""
    values: dict[str, Any] = {
        "engagement_type": "emails",
        "engagement_id": f"{number:09}",
        "occurred_at": at(number),
        "type": "Outgoing Email",
        "subject": f"Re: renewal {number}",
        "content": "Thank you for the call.",
        "owner_id": "910901",
        "owner": "",
        "hubspot_updated_at": at(number),
    }
    return Event(**values | changes)


def a_load(*numbers: int, began: datetime = NOON, **changes: Any) -> LoadedDeal:
    """A complete load of deal 1 with these events."""
    values: dict[str, Any] = {
        "deal": a_deal(),
        "events": tuple(an_event(number) for number in numbers),
        "homonyms": (),
        "read_started_at": began,
    }
    return LoadedDeal(**values | changes)
