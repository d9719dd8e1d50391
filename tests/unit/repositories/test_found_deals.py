"""Deals of a list are as old as reads show them: the few checks of sound documents leave nothing of it out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import DatetimeMS

from dealcache.model.timestamps import LATEST, with_zone
from dealcache.model.unreadable import UnreadableRecords
from dealcache.repositories.documents import Document
from dealcache.repositories.lists.found_deals import PROJECTION, found_deal, sound_values
from dealcache.repositories.record_documents import read_deal

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
BEGAN, READ, WATERMARK = (NOW - timedelta(minutes=minutes) for minutes in (9, 8, 5))


def naive(document: Document) -> Document:
    """Return a document with the dates of lists, which are of UTC without saying so."""
    return {name: one.replace(tzinfo=None) if isinstance(one, datetime) else one for name, one in document.items()}


SOUND: Document = {"deal_id": "1", "deal_name": "Acme", "hubspot_updated_at": BEGAN, "amount": 1.0}
#: As one that another system has written, which is read by many checks.
FOREIGN: Document = SOUND | {"amount": 1}


@pytest.mark.parametrize("document", [SOUND, FOREIGN], ids=["sound", "foreign"])
@pytest.mark.parametrize(
    ("age", "expected"),
    [
        ({"timeline_synced_at": READ}, WATERMARK),
        ({"timeline_synced_at": READ, "unread_types": ["notes"]}, READ),
        ({"timeline_synced_at": READ, "complete_as_of": BEGAN, "missed_at": NOW}, BEGAN),
        ({}, None),
    ],
    ids=["followed", "a type is missing", "a part was missed", "never read"],
)
def test_a_deal_is_as_old_as_what_was_read(document: Document, age: Document, expected: datetime | None) -> None:
    stored = {name: value for name, value in (document | age).items() if name in PROJECTION}
    found = found_deal(naive(stored), "amount", "number", 0, UnreadableRecords())
    as_of = found.as_of(WATERMARK.replace(tzinfo=None), NOW.replace(tzinfo=None))
    assert as_of == (expected and expected.replace(tzinfo=None))
    assert expected == read_deal(document | age)[0].as_of(WATERMARK, NOW)


@pytest.mark.parametrize("document", [SOUND, FOREIGN], ids=["sound", "foreign"])
@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ({}, (None, None)),
        ({"currency": None}, (None, None)),
        ({"currency": "CHF"}, ("CHF", None)),
        ({"currency": "EUR", "amount_in_home_currency": 1.1}, ("EUR", 1.1)),
        ({"currency": "EUR", "amount_in_home_currency": 2}, ("EUR", 2)),
        ({"currency": "euros"}, (None, None)),
    ],
)
def test_a_deal_has_its_currency(
    document: Document, stored: Document, expected: tuple[str | None, float | None]
) -> None:
    assert stored.keys() <= PROJECTION.keys()
    values = found_deal(naive(document | stored), "amount", "number", 0, UnreadableRecords()).values
    assert (values.get("currency"), values.get("amount_in_home_currency")) == expected


@pytest.mark.parametrize(
    ("summary", "expected"),
    [
        (None, None),
        ({"count": 2, "first": BEGAN}, {"count": 2, "first": BEGAN}),
        ({"count": 2.0, "first": BEGAN, "next": "soon"}, {"count": 2, "first": BEGAN}),
        ({"count": 2, "last": DatetimeMS(2**60)}, {"count": 2, "last": LATEST}),
        ({"count": "many"}, None),
        ([2], None),
    ],
)
def test_a_deal_has_the_activities_that_can_be_read(summary: Any, expected: Document | None) -> None:
    stored = naive(summary) if isinstance(summary, dict) else summary
    found = found_deal(naive(SOUND) | {"activities": stored}, "amount", "number", 0, UnreadableRecords())
    shown = found.values.get("activities")
    assert expected == (shown and {name: one for name, one in aware(shown).items() if one is not None})


def aware(shown: Document) -> Document:
    """Return activities with aware dates."""
    return {name: with_zone(one) if isinstance(one, datetime) else one for name, one in shown.items()}


@pytest.mark.parametrize("document", [SOUND, FOREIGN], ids=["sound", "foreign"])
def test_activities_that_were_never_counted_are_not_damaged(document: Document) -> None:
    counted: list[str] = []
    assert "activities" not in sound_values(naive(document), UnreadableRecords(counted.append))
    assert counted == []


@pytest.mark.parametrize("summary", [[2], {"count": "many"}, {"first": BEGAN}, {"count": 1e19}])
def test_activities_that_cannot_be_read_are_reported(summary: Any) -> None:
    counted: list[str] = []
    document = naive(SOUND) | {"activities": summary}
    assert sound_values(document, UnreadableRecords(counted.append))["activities"] is None
    assert counted == ["deals"]


def test_all_that_cannot_be_read_is_in_one_report(caplog: pytest.LogCaptureFixture) -> None:
    sound_values(naive(SOUND) | {"owner_id": 7, "activities": {"count": "many"}}, UnreadableRecords())
    assert [one.getMessage().partition("damaged: ")[2] for one in caplog.records] == ["owner_id, activities"]


@pytest.mark.parametrize("deal_id", [7, None])
def test_an_odd_id_is_read_as_elsewhere(deal_id: Any) -> None:
    counted: list[str] = []
    values = sound_values(naive(SOUND) | {"deal_id": deal_id}, UnreadableRecords(counted.append))
    assert values["deal_id"] == ("7" if deal_id else "")
    assert counted == ["deals"]
