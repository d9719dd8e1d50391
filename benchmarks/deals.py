"""Deals that are made up so that their timelines have a wanted size."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import orjson

from benchmarks.client import target_of
from dealcache.model.deals import Deal, Event, LoadedDeal
from dealcache.model.labels import Labels
from dealcache.reader import views
from dealcache.repositories import Connection, DealInfoRepository, DealStore, DealTimelineRepository

_MOMENT = datetime(2026, 1, 10, 9, 30, tzinfo=UTC)
_TEXT = "We went through the draft together and agreed on the next steps; they will come back to us within a week. "
_CONTENT_LENGTH = 400
_STORED_TOGETHER = 100


def deal_of_size(number: int, size: int) -> LoadedDeal:
    """A deal whose timeline is about ``size`` bytes of JSON: as many events as fit, one at least; loaded just now."""
    deal = Deal(deal_id=str(900_000 + number), deal_name=f"Made up {number}", hubspot_updated_at=_MOMENT)
    per_event = _size_of(deal, (_event(0, _CONTENT_LENGTH),)) - _size_of(deal, ())
    count = max(1, round((size - _size_of(deal, ())) / per_event))
    length = _CONTENT_LENGTH if count > 1 else 0
    return LoadedDeal(deal, tuple(_event(place, length) for place in range(count)), (), datetime.now(UTC))


def _event(place: int, content_length: int) -> Event:
    content = (_TEXT * (content_length // len(_TEXT) + 1))[:content_length]
    moment = _MOMENT + timedelta(hours=place)
    return Event("notes", str(30_000_000_000 + place), moment, "Note", "", content, None, "Jane Doe", moment)


def _size_of(deal: Deal, events: tuple[Event, ...]) -> int:
    return len(orjson.dumps(views.timeline(deal, events, UTC, Labels())))


def store(mongodb_uri: str, database: str, loaded: Iterable[LoadedDeal]) -> list[str]:
    """Store deals where a service finds them; the targets of their timelines."""
    connection = Connection(mongodb_uri, database)
    deals = DealStore(DealInfoRepository(connection), DealTimelineRepository(connection))
    every = list(loaded)
    for first in range(0, len(every), _STORED_TOGETHER):
        deals.save(*every[first : first + _STORED_TOGETHER])
    connection.close()
    return [target_of(one.deal.deal_name) for one in every]
