"""Which records webhook events are about, and what is told of those that fail."""

from __future__ import annotations

import pytest

from dealcache.hubspot.errors import Rejected
from dealcache.model.jobs import WebhookEvent
from dealcache.repositories import StoredEvent, StoreError
from dealcache.sync.webhook_sync import by_kind, by_record, changed_records, reason_of
from tests.unit.repositories.samples import NOON, at


def event(kind="propertyChange", object_type="deals", object_id="1", **more):
    return WebhookEvent(object_id, kind, object_type, object_id, NOON, **more)


def test_records_are_grouped_by_type_and_unknown_types_left_out():
    kinds = {"deals": "1", "notes": "5", "contacts": "9", "tickets": "8"}
    events = [event(object_type=kind, object_id=one) for kind, one in kinds.items()]
    assert changed_records(events) == {"deals": {"1"}, "notes": {"5"}, "contacts": {"9"}}


@pytest.mark.parametrize(
    "change",
    [
        event("associationChange", "deals", "1", other_type="notes", other_id="5"),
        event("associationChange", "notes", "5", other_type="deals", other_id="1"),
    ],
)
def test_a_changed_association_is_read_from_its_deal(change):
    assert changed_records([change]) == {"deals": {"1"}}


def test_a_merge_concerns_all_the_deals_in_it():
    assert changed_records([event("merge", new_id="3", merged_ids=("1", "2"))]) == {"deals": {"1", "2", "3"}}


def test_events_about_the_same_records_are_one_thing() -> None:
    received = [
        WebhookEvent("1", "creation", "notes", "7", NOON),
        WebhookEvent("2", "propertyChange", "deals", "7", NOON),
        WebhookEvent("3", "deletion", "notes", "7", NOON),
        WebhookEvent("4", "associationChange", "deals", "7", NOON, other_type="notes", other_id="9"),
        WebhookEvent("5", "merge", "deals", "7", NOON, new_id="8", merged_ids=("6",)),
    ]
    records = by_record(StoredEvent(one.key, one.record, one, at(0)) for one in received)
    assert {one.record: [event.key for event in one.events] for one in records} == {
        "notes:7": ["1", "3"],
        "deals:7": ["2", "4"],
        "deals:6,deals:7,deals:8": ["5"],
    }
    assert [[one.record for one in same] for same in by_kind(records)] == [
        ["notes:7"],
        ["deals:7", "deals:6,deals:7,deals:8"],
    ]


def test_reasons_tell_nothing_of_the_content() -> None:
    def secret() -> None:
        raise ValueError("what the stranger wrote")

    with pytest.raises(ValueError, match="stranger") as caught:
        secret()
    assert reason_of(caught.value).startswith("ValueError in test_webhook_sync.py, line ")
    assert "stranger" not in reason_of(caught.value)
    assert reason_of(Rejected("no", status=400)) == "Rejected: no (status 400)"
    assert reason_of(StoreError("MongoDB refused")) == "StoreError: MongoDB refused"
