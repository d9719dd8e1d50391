"""Parsing webhook deliveries."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealcache.api.deliveries import events_in, parse_events

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


def only_event(event):
    (found,), malformed = parse_events([event])
    assert malformed == 0
    return found


def key_of(event) -> str:
    return only_event(event).key


def test_a_classic_event_of_a_deal():
    found = only_event(CHANGE)
    assert (found.kind, found.object_type, found.object_id) == ("propertyChange", "deals", "332507367156")
    assert found.occurred_at == AT
    assert (found.other_type, found.other_id, found.new_id, found.merged_ids) == (None, None, None, ())


@pytest.mark.parametrize("kind", ["creation", "deletion", "restore", "propertyChange"])
def test_kinds_are_hubspots_words(kind):
    assert only_event(CHANGE | {"subscriptionType": f"deal.{kind}"}).kind == kind


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
    found = only_event(CHANGE | {"subscriptionType": "object.propertyChange", "objectTypeId": type_id})
    assert found.object_type == name


def test_the_type_of_an_event_may_have_another_name():
    event = {name: value for name, value in CHANGE.items() if name != "subscriptionType"}
    assert only_event(event | {"eventType": "deal.deletion"}).kind == "deletion"


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
    assert parse_events([event]) == ([], 0)


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
    seen = only_event(JOINED | {"associationType": words, "fromObjectId": 7, "toObjectId": 8})
    assert (seen.object_type, seen.object_id, seen.other_type, seen.other_id) == ("deals", "7", other, "8")
    turned = "_TO_".join(reversed(words.split("_TO_")))
    seen = only_event(JOINED | {"associationType": turned, "fromObjectId": 8, "toObjectId": 7})
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
    seen = only_event(event)
    assert (seen.object_id, seen.other_type, seen.other_id) == ("7", "notes", "8")


def test_a_merge_names_all_records_of_it():
    found = only_event(MERGED)
    assert (found.kind, found.object_id, found.new_id, found.merged_ids) == ("merge", "10", "12", ("11",))
    found = only_event(MERGED | {"objectId": 12})
    assert (found.object_id, found.merged_ids) == ("12", ("10", "11"))
    without = {name: value for name, value in MERGED.items() if name not in {"objectId", "newObjectId"}}
    assert (only_event(without).object_id, only_event(without).new_id) == ("10", None)


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
        CHANGE | {"portalId": json.loads("[" * 400 + "]" * 400)},
        CHANGE | {"propertyName": "\ud800"},
        CHANGE | {"objectId": 10**20},
        JOINED_NOTE | {"toObjectId": None},
        MERGED | {"mergedObjectIds": 11},
        MERGED | {"mergedObjectIds": [None]},
    ],
)
def test_what_makes_no_sense_is_counted_and_the_rest_is_kept(event):
    parsed, malformed = parse_events([CHANGE, event, JOINED_NOTE])
    assert (len(parsed), malformed) == (2, 1)


@pytest.mark.parametrize("value", [10**18, -(10**18), 1e300, float("inf"), float("-inf"), float("nan")])
def test_an_absurd_time_makes_no_event_void(value):
    (found,), malformed = parse_events([CHANGE | {"occurredAt": value}])
    assert (found.object_id, malformed) == (str(CHANGE["objectId"]), 0)
    assert found.occurred_at.year in (1, 1970, 9999)


@pytest.mark.parametrize(
    "value", [r'"a cut smile: \ud83d"', "1e999", "9" * 300, "-" + "9" * 5000, "NaN", "[" * 400 + "]" * 400]
)
def test_a_value_that_strict_parsers_refuse_costs_no_other_event(value):
    body = b'[{"propertyValue": %s}, {"fine": 1}]' % value.encode()
    events = events_in(body, 2)
    assert events is not None
    assert events[1] == {"fine": 1}
    assert events_in(body, 1) is None


@pytest.mark.parametrize("body", [b"[" * 100_000, b"[1" + b"," * 9 + b"]", b"\xff\xfe", b"[\x00]"])
def test_what_is_no_array_is_none(body):
    assert events_in(body, 100) is None


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
    parsed, malformed = parse_events([event | changes])
    assert len(parsed) + malformed <= 1


@pytest.mark.parametrize("value", [None, "soon", "1782371972438", True, {"a": 1}, []])
def test_an_event_without_a_time_is_followed_each_time_that_it_comes_anew(value):
    again = CHANGE | {"occurredAt": value, "eventId": 77}
    parsed, malformed = parse_events(
        [CHANGE | {"occurredAt": value, "eventId": 76}, again, again | {"attemptNumber": 3}]
    )
    assert malformed == 0
    assert [found.record for found in parsed] == [parse_events([CHANGE]).events[0].record] * 3
    first, second, repeated = (found.key for found in parsed)
    assert first != second == repeated


@pytest.mark.parametrize(
    ("changes", "record"),
    [
        ({"subscriptionType": "contact.propertyChange"}, "contacts:{id}"),
        ({"subscriptionType": "contact.privacyDeletion"}, "contacts:{id}"),
        ({"subscriptionType": "company.deletion"}, "companies:{id}"),
        ({"subscriptionType": "object.creation", "objectTypeId": "0-1"}, "contacts:{id}"),
        (
            {"subscriptionType": "contact.merge", "mergedObjectIds": [5], "newObjectId": 9, "primaryObjectId": 7},
            "contacts:5,contacts:7,contacts:9,contacts:{id}",
        ),
    ],
)
def test_events_of_people_are_read_where_their_names_are_wanted(changes, record):
    event = CHANGE | changes

    (found,) = parse_events([event], people=True).events

    assert set(found.record.split(",")) == set(record.format(id=event["objectId"]).split(","))
    assert parse_events([event]) == ([], 0)


@pytest.mark.parametrize(
    ("changes", "record"),
    [
        ({"associationType": "DEAL_TO_CONTACT", "fromObjectId": 1, "toObjectId": 2}, "deals:1"),
        ({"associationType": "COMPANY_TO_DEAL", "fromObjectId": 1, "toObjectId": 2}, "deals:2"),
        (
            {
                "subscriptionType": "object.associationChange",
                "fromObjectTypeId": "0-1",
                "toObjectTypeId": "0-46",
                "associationType": "CONTACT_TO_NOTE",
                "fromObjectId": 1,
                "toObjectId": 2,
            },
            "notes:2",
        ),
        ({"associationType": "CONTACT_TO_COMPANY", "fromObjectId": 1, "toObjectId": 2}, None),
    ],
)
def test_an_association_with_a_person_is_an_event_of_the_other_end(changes, record):
    found = parse_events([JOINED | changes], people=True)

    assert [one.record for one in found.events] == ([] if record is None else [record])
    assert found.malformed == 0


def test_associations_of_deals_and_activities_are_the_same_with_and_without_people():
    assert parse_events([JOINED, JOINED_NOTE], people=True) == parse_events([JOINED, JOINED_NOTE])
