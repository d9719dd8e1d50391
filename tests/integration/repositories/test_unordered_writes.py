"""A document that MongoDB does not take fails by itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pymongo.database import Database

from dealcache.repositories import Connection, DealInfoRepository, DealTimelineRepository
from tests.unit.repositories.samples import NOON, a_deal, an_event

LATER = NOON + timedelta(minutes=1)
HUGE = "x" * 17_000_000


@pytest.fixture
def timelines(connection: Connection) -> DealTimelineRepository:
    return DealTimelineRepository(connection)


@pytest.mark.parametrize("probably_new", [False, True])
def test_an_event_too_large_for_a_document_is_stored_without_its_texts(
    timelines: DealTimelineRepository, probably_new: bool
) -> None:
    events = [an_event(engagement_id=str(one), content=HUGE if one == 2 else "short") for one in range(1, 5)]
    changes = timelines.write([("7", event) for event in events], NOON, probably_new=probably_new)
    assert {event.engagement_id: event.content for event in timelines.events("7")} == {
        "1": "short",
        "2": "",
        "3": "short",
        "4": "short",
    }
    assert set(changes.views) == {"7"}


def test_an_event_that_others_filled_up_stays_and_is_still_there(
    connection: Connection, timelines: DealTimelineRepository
) -> None:
    timelines.replace({"7": [an_event(engagement_id="1", subject="a"), an_event(engagement_id="2", subject="a")]}, NOON)
    with connection.operation() as database:
        database.deal_timeline.update_one({"engagement_id": "1"}, {"$set": {"sentiment": "y" * 15_900_000}})
    changed = [
        an_event(engagement_id=one, subject="b", content="z" * 900_000, hubspot_updated_at=LATER) for one in ("1", "2")
    ]

    timelines.replace({"7": changed}, LATER)

    events = {event.engagement_id: event for event in timelines.events("7")}
    assert (events["2"].subject, len(events["2"].content)) == ("b", 900_000)
    assert (events["1"].subject, events["1"].content, len(events["1"].extra["sentiment"])) == ("", "", 15_900_000)


def test_a_rule_of_the_operator_s_that_one_deal_breaks_holds_up_no_other(connection: Connection) -> None:
    deals = DealInfoRepository(connection)
    deals.store([a_deal(deal_id=str(one)) for one in range(3)], NOON)
    with connection.operation() as database:
        refuse_amounts_above(database, 100.0)
    changed = [
        a_deal(deal_id=str(one), amount=1000.0 if one == 1 else 50.0, hubspot_updated_at=LATER) for one in range(4)
    ]

    deals.store(changed, LATER)

    assert {stored.deal.deal_id: stored.deal.amount for stored in deals.stored("0123").values()} == {
        "0": 50.0,
        "1": a_deal().amount,
        "2": 50.0,
        "3": 50.0,
    }


def refuse_amounts_above(database: Database[Any], most: float) -> None:
    rule = {"$or": [{"amount": {"$lte": most}}, {"amount": None}, {"deal_name": {"$exists": False}}]}
    database.command("collMod", "deal_info", validator=rule, validationLevel="strict")


def test_a_unique_index_of_others_is_no_race(connection: Connection, timelines: DealTimelineRepository) -> None:
    with connection.operation() as database:
        database.deal_timeline.create_index([("deal_id", 1), ("subject", 1)], unique=True)
    timelines.write([("7", an_event(engagement_id=str(one), subject="same")) for one in range(3)], NOON)
    assert len(timelines.events("7")) in (2, 3)  # one as it is, and one without its subject


def test_documents_with_odd_dates_and_keys_are_overwritten_or_left_alone(
    connection: Connection, timelines: DealTimelineRepository
) -> None:
    timelines.write([("7", an_event(engagement_id="1")), ("7", an_event(engagement_id="2"))], NOON)
    with connection.operation() as database:
        odd = {"hubspot_updated_at": "yesterday", "synced_at": 7}
        database.deal_timeline.update_one({"engagement_id": "1"}, {"$set": odd})
        kind = an_event().engagement_type
        database.deal_timeline.insert_one({"engagement_type": kind, "engagement_id": "1", "deal_id": {"odd": 1}})
    timelines.write([("7", an_event(engagement_id=one, subject="new")) for one in ("1", "2")], LATER)
    assert {event.subject for event in timelines.events("7")} == {"new"}
    timelines.remove([("7", kind, "1")], LATER + timedelta(minutes=1))
    assert [event.engagement_id for event in timelines.events("7")] == ["2"]
