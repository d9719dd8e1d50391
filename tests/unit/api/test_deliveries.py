"""From HubSpot's events to hints."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealcache.api.deliveries import hints_of

#: An event as HubSpot's guide "Webhooks" shows it.
CHANGE = {
    "eventId": 2995724042,
    "subscriptionId": 6547123,
    "portalId": 48975575,
    "appId": 39522895,
    "occurredAt": 1782371972438,
    "subscriptionType": "deal.propertyChange",
    "attemptNumber": 0,
    "objectId": 332507367156,
    "propertyName": "amount",
    "propertyValue": "2000",
    "changeSource": "INTEGRATION",
    "sourceId": "39522895",
}
AT = datetime(2026, 6, 25, 7, 19, 32, 438000, tzinfo=UTC)
JOINED = {
    "subscriptionId": 1,
    "portalId": 2,
    "occurredAt": 1782371972438,
    "subscriptionType": "deal.associationChange",
    "associationRemoved": False,
    "isPrimaryAssociation": False,
}
MERGED = CHANGE | {
    "subscriptionType": "deal.merge",
    "objectId": 10,
    "primaryObjectId": 10,
    "mergedObjectIds": [11],
    "newObjectId": 12,
}


def only_hint(event):
    (hint,), malformed = hints_of([event])
    assert malformed == 0
    return hint


def key_of(event) -> str:
    return only_hint(event).key


def test_a_classic_event_of_a_deal():
    hint = only_hint(CHANGE)
    assert (hint.kind, hint.object_type, hint.object_id) == ("propertyChange", "deals", "332507367156")
    assert hint.occurred_at == AT
    assert (hint.other_type, hint.other_id, hint.new_id, hint.merged_ids) == (None, None, None, ())


@pytest.mark.parametrize("kind", ["creation", "deletion", "restore", "propertyChange"])
def test_kinds_are_hubspots_words(kind):
    assert only_hint(CHANGE | {"subscriptionType": f"deal.{kind}"}).kind == kind


@pytest.mark.parametrize(
    ("type_id", "name"),
    [
        ("0-3", "deals"),
        ("0-48", "calls"),
        ("0-49", "emails"),
        ("0-47", "meetings"),
        ("0-46", "notes"),
        ("0-27", "tasks"),
        ("0-18", "communications"),
        ("0-116", "postal_mail"),
    ],
)
def test_generic_events_tell_the_type_by_its_id(type_id, name):
    hint = only_hint(CHANGE | {"subscriptionType": "object.propertyChange", "objectTypeId": type_id})
    assert hint.object_type == name


def test_the_type_of_an_event_may_have_another_name():
    event = {name: value for name, value in CHANGE.items() if name != "subscriptionType"}
    assert only_hint(event | {"eventType": "deal.deletion"}).kind == "deletion"


@pytest.mark.parametrize(
    "event",
    [
        CHANGE | {"subscriptionType": "contact.propertyChange"},
        CHANGE | {"subscriptionType": "object.creation", "objectTypeId": "0-1"},
        CHANGE | {"subscriptionType": "object.creation"},
        CHANGE | {"subscriptionType": "deal.somethingNew"},
        JOINED | {"associationType": "DEAL_TO_CONTACT", "fromObjectId": 1, "toObjectId": 2},
        JOINED | {"associationType": "COMPANY_TO_DEAL", "fromObjectId": 1, "toObjectId": 2},
        JOINED | {"associationType": "DEAL_TO_DEAL", "fromObjectId": 1, "toObjectId": 2},
        JOINED
        | {
            "subscriptionType": "object.associationChange",
            "objectTypeId": "0-46",
            "associationType": "NOTE_TO_CONTACT",
        },
    ],
)
def test_what_concerns_no_deal_is_left_out_without_ado(event):
    assert hints_of([event]) == ([], 0)


@pytest.mark.parametrize(
    ("words", "other"),
    [
        ("DEAL_TO_NOTE", "notes"),
        ("DEAL_TO_CALL", "calls"),
        ("DEAL_TO_MEETING_EVENT", "meetings"),
        ("DEAL_TO_MEETING", "meetings"),
        ("DEAL_TO_POSTAL_MAIL", "postal_mail"),
        ("DEAL_TO_COMMUNICATION", "communications"),
    ],
)
def test_an_association_is_seen_from_the_deal_whichever_end_it_is(words, other):
    seen = only_hint(JOINED | {"associationType": words, "fromObjectId": 7, "toObjectId": 8})
    assert (seen.object_type, seen.object_id, seen.other_type, seen.other_id) == ("deals", "7", other, "8")
    turned = "_TO_".join(reversed(words.split("_TO_")))
    seen = only_hint(JOINED | {"associationType": turned, "fromObjectId": 8, "toObjectId": 7})
    assert (seen.object_type, seen.object_id, seen.other_type, seen.other_id) == ("deals", "7", other, "8")


def test_an_association_may_tell_its_ends_by_type_id():
    event = JOINED | {
        "subscriptionType": "object.associationChange",
        "objectTypeId": "0-46",
        "fromObjectTypeId": "0-46",
        "toObjectTypeId": "0-3",
        "fromObjectId": 8,
        "toObjectId": 7,
    }
    seen = only_hint(event)
    assert (seen.object_id, seen.other_type, seen.other_id) == ("7", "notes", "8")


def test_a_merge_names_all_records_of_it():
    hint = only_hint(MERGED)
    assert (hint.kind, hint.object_id, hint.new_id, hint.merged_ids) == ("merge", "10", "12", ("11",))
    hint = only_hint(MERGED | {"objectId": 12})
    assert (hint.object_id, hint.merged_ids) == ("12", ("10", "11"))
    without = {name: value for name, value in MERGED.items() if name not in {"objectId", "newObjectId"}}
    assert (only_hint(without).object_id, only_hint(without).new_id) == ("10", None)


def test_the_same_event_has_the_same_key_however_often_it_comes():
    assert key_of(CHANGE | {"eventId": 1, "attemptNumber": 3, "propertyValue": "x"}) == key_of(CHANGE)


JOINED_NOTE = JOINED | {"associationType": "DEAL_TO_NOTE", "fromObjectId": 7, "toObjectId": 8}


@pytest.mark.parametrize(
    ("event", "change"),
    [
        (CHANGE, {"objectId": 1}),
        (CHANGE, {"propertyName": "dealname"}),
        (CHANGE, {"occurredAt": 1782371972439}),
        (CHANGE, {"subscriptionId": 1}),
        (CHANGE, {"subscriptionType": "deal.creation"}),
        (CHANGE, {"subscriptionType": "object.propertyChange", "objectTypeId": "0-46"}),
        (JOINED_NOTE, {"toObjectId": 9}),
        (JOINED_NOTE, {"fromObjectId": 9}),
        (JOINED_NOTE, {"associationRemoved": True}),
        (JOINED_NOTE, {"associationType": "DEAL_TO_CALL"}),
        (MERGED, {"mergedObjectIds": [13]}),
        (MERGED, {"newObjectId": 13}),
    ],
)
def test_another_event_has_another_key(event, change):
    assert key_of(event | change) != key_of(event)


@pytest.mark.parametrize(
    "event",
    [
        None,
        7,
        [],
        {},
        {"subscriptionType": 7},
        CHANGE | {"objectId": None},
        CHANGE | {"objectId": "abc"},
        CHANGE | {"objectId": True},
        CHANGE | {"objectId": -1},
        CHANGE | {"objectId": {"$ne": None}},
        CHANGE | {"occurredAt": None},
        CHANGE | {"occurredAt": "soon"},
        CHANGE | {"occurredAt": 10**18},
        JOINED_NOTE | {"toObjectId": None},
        MERGED | {"mergedObjectIds": 11},
        MERGED | {"mergedObjectIds": [None]},
    ],
)
def test_what_makes_no_sense_is_counted_and_the_rest_is_kept(event):
    hints, malformed = hints_of([CHANGE, event, JOINED_NOTE])
    assert (len(hints), malformed) == (2, 1)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)
FIELDS = sorted(CHANGE.keys() | JOINED_NOTE.keys() | MERGED.keys() | {"objectTypeId", "fromObjectTypeId", "eventType"})


@given(st.sampled_from([CHANGE, JOINED_NOTE, MERGED]), st.dictionaries(st.sampled_from(FIELDS), VALUES))
def test_no_event_breaks_the_parser(event, changes):
    hints, malformed = hints_of([event | changes])
    assert len(hints) + malformed <= 1
