"""Single records that cannot be read, through the whole service: nothing beyond them fails."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import Binary, Code, DatetimeMS, DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.errors import InvalidBSON

from dealcache.model.deals import ENGAGEMENT_TYPES, EVENT_TYPE_OF
from tests.integration.service.harness import ACME, V2, VIEWS, MakeService, Service, assert_problem

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"


def add_deal(service: Service, name: str, *bodies: str, **properties: Any) -> tuple[str, list[str]]:
    """A deal with notes; returns their ids."""
    data = service.hubspot.data
    deal_id = data.add_deal(name, properties)
    return deal_id, [data.add_activity("notes", {"hs_note_body": body}, deals=[deal_id]) for body in bodies]


def timeline(service: Service, name: str, path: str = "deal-timeline", **query: str) -> dict[str, Any]:
    """The events of a deal by HubSpot's id."""
    response = service.get(path, {"Cache-Control": "no-cache"}, dealName=name, **query)
    assert response.status_code == 200, response.text
    return {event["engagement_id"]: event for event in response.get_json()["events"]}


@pytest.mark.parametrize(
    "poison",
    [
        {"properties": {"hs_note_body": {"a": ["b"]}}},
        {"properties": {"hs_note_body": ["x"], "hubspot_owner_id": {}, "hs_lastmodifieddate": []}},
        {"raw": {"hs_note_body": "1e400"}},
        {"raw": {"hs_note_body": "NaN"}},
        {"raw": {"hs_note_body": "[" * 3000 + "]" * 3000}},
        {"members": {"properties": []}},
        {"members": {"properties": None, "archived": "no"}},
    ],
    ids=lambda value: str(value)[:50],
)
def test_an_activity_that_cannot_be_read_has_its_time_and_type_and_no_content(
    service: Service, poison: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    _, (odd, fine) = add_deal(service, "Odd", "secret body", "fine")
    service.hubspot.poison("notes", odd, **poison)

    for path in ("deal-timeline", V2 + "deal-timeline"):
        events = timeline(service, "Odd", path)
        assert (events[odd]["type"], events[odd]["content"]) == ("Note", "")
        assert events[odd]["timestamp"] == events[fine]["timestamp"]
        assert events[fine]["content"] == "fine"
    timeline(service, "Odd", refresh="true")

    told = [record for record in caplog.messages if record.startswith("a record of notes")]
    assert len(told) <= 1
    assert not any("secret" in record for record in told)
    if "properties" in poison:
        assert f"({odd})" in told[0]
        assert 'dealcache_unreadable_records_total{type="notes"} 1.0' in service.get("/metrics").text


def test_an_activity_whose_own_id_is_damaged_has_it_among_its_properties(service: Service) -> None:
    _, (odd,) = add_deal(service, "Odd", "its text")
    service.hubspot.poison("notes", odd, members={"id": None})
    assert timeline(service, "Odd")[odd]["content"] == "its text"


def test_a_text_with_half_a_character_is_shown(service: Service) -> None:
    _, (odd,) = add_deal(service, "Half", "x")
    service.hubspot.poison("notes", odd, raw={"hs_note_body": '"half \\ud83d one"'})
    assert timeline(service, "Half")[odd]["content"] == "half ? one"


def test_an_activity_without_any_time_is_left_out_and_keeps_the_event_it_had(service: Service) -> None:
    _, (odd, fine) = add_deal(service, "Timeless", "before", "fine")
    assert timeline(service, "Timeless")[odd]["content"] == "before"
    nothing = {"properties": {"hs_timestamp": None, "hs_createdate": "x", "hs_lastmodifieddate": {}}}
    service.hubspot.poison("notes", odd, absent=["createdAt", "updatedAt"], **nothing)
    service.clock.tick(60)

    events = timeline(service, "Timeless", refresh="true")

    assert {one: events[one]["content"] for one in events} == {odd: "before", fine: "fine"}
    assert set(timeline(service, "Timeless", V2 + "deal-timeline")) == {odd, fine}


@pytest.mark.parametrize("named", [True, False])
def test_a_refused_activity_keeps_the_event_it_had_and_is_looked_at_again(service: Service, named: bool) -> None:
    for category in ("VALIDATION_ERROR", "INTERNAL_ERROR", "FORBIDDEN"):
        deal_id, (odd, fine) = add_deal(service, category, "before", "fine")
        timeline(service, category)
        new = service.hubspot.data.add_activity("notes", {"hs_note_body": "new"}, deals=[deal_id])
        for one in (odd, new):
            service.hubspot.poison("notes", one, category=category, named=named)
        service.clock.tick(60)

        events = timeline(service, category, refresh="true")
        assert {one: events[one]["content"] for one in events} == {odd: "before", fine: "fine"}, category
        assert service.get("deal-activities-count", dealName=category).get_json()["count"] == 2

        service.hubspot.cure()
        service.clock.tick(60)
        assert set(timeline(service, category, refresh="true")) == {odd, fine, new}, category


def test_a_refusal_that_passes_is_no_refusal(service: Service) -> None:
    _, (odd, fine) = add_deal(service, "Passing", "a", "b")
    service.hubspot.poison("notes", odd, category="INTERNAL_ERROR", times=1)
    assert set(timeline(service, "Passing")) == {odd, fine}


def test_a_refused_deal_stands_in_the_errors_of_a_batch(service: Service) -> None:
    refused, _ = add_deal(service, "Refused")
    add_deal(service, "Fine")
    service.get("deal-info", dealName="Refused")
    service.hubspot.data.update("deals", refused, {"dealname": "Renamed"})
    service.hubspot.poison("deals", refused, category="VALIDATION_ERROR")
    service.clock.tick(60)
    service.clear()
    service.database.deal_info.update_many({}, {"$unset": {"timeline_synced_at": ""}})

    answer = service.batch("Refused", "Fine", "Nobody").get_json()

    assert set(answer["deals"]) == {"Fine"}
    assert {name: error["status"] for name, error in answer["errors"].items()} == {"Refused": 502, "Nobody": 404}


def test_associations_that_are_refused_concern_their_deal_alone(service: Service) -> None:
    refused, _ = add_deal(service, "Refused", "x")
    add_deal(service, "Fine", "x")
    service.hubspot.poison("deals", refused, category="INTERNAL_ERROR")
    answer = service.batch("Refused", "Fine").get_json()
    assert answer["deals"]["Fine"]["activities_count"]["count"] == 1
    assert answer["errors"]["Refused"]["status"] == 502


#: Moments at the edges of the calendar, by zone, and the days that are shown.
EDGES = {
    BERLIN: {
        "9999-12-31T23:59:59Z": "9999-12-31",
        "0001-01-01T00:00:00+14:00": "0001-01-01",
        "1" + "0" * 18: "9999-12-31",
        "0000-00-00": "0001-01-01",
        "10000-01-01": "9999-12-31",
    },
    NEW_YORK: {"9999-12-31T23:59:59Z": "9999-12-31", "0001-01-01T00:00:00Z": "0001-01-01"},
}


@pytest.mark.parametrize("zone", EDGES)
def test_times_stop_at_the_edges_of_the_calendar(make_service: MakeService, zone: str) -> None:
    service, edges = make_service(TIMELINE_TIMEZONE=zone), EDGES[zone]
    add_deal(service, "Fine", "y")
    ids = {}
    for moment in edges:
        deal_id, (ids[moment],) = add_deal(service, f"At {moment}", "x")
        service.hubspot.poison("deals", deal_id, properties={"closedate": moment, "createdate": moment})
        service.hubspot.poison("notes", ids[moment], properties={"hs_timestamp": moment})
    names = {f"At {moment}": moment for moment in edges}

    shown = service.batch(*names, "Fine", include=["info", "timeline"]).get_json()
    assert set(shown["deals"]) == {*names, "Fine"}
    service.clear()
    for name, moment in names.items():
        day, info = edges[moment], shown["deals"][name]["info"]
        assert [info[one] for one in ("closeDate", "createDate", "startDate", "endDate")] == [day] * 4, moment
        for path in ("", V2):
            assert service.get(path + "deal-info", dealName=name).get_json()["closeDate"] == day
            events = timeline(service, name, path + "deal-timeline", since="0001-01-01")
            assert events[ids[moment]]["date_str"] == day, moment
    rows = service.get(V2 + "all-deals").get_json()
    assert {row["name"] for row in rows} == {*names, "Fine"}
    stage = service.database.deal_info.find_one({"deal_name": "Fine"})["stage_id"]
    listed = {row["Deal_Name"]: row["Expected_Close_Date"] for row in service.get(V2 + "deals", stage=stage).get_json()}
    assert listed.pop("Fine") == "Not set"
    assert listed.keys() == names.keys()
    assert set(listed.values()) == {"Dec 31, 9999", "Jan 01, 1"}


FOREIGN = {
    "decimal": (Decimal128("12.50"), 12.5),
    "whole decimal": (Decimal128("7"), 7),
    "no number": (Decimal128("NaN"), None),
    "infinite": (float("-inf"), None),
    "int64": (Int64(2**60), 2**60),
    "id": (ObjectId("656565656565656565656565"), "656565656565656565656565"),
    "bytes": (b"\x00\xff", "AP8="),
    "uuid": (Binary(bytes(range(16)), 4), "00010203-0405-0607-0809-0a0b0c0d0e0f"),
    "regex": (Regex("^a(", 2), "/^a(/i"),
    "date": (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02T03:04:05.000Z"),
    "late date": (DatetimeMS(10**17), "9999-12-31T23:59:59.999Z"),
    "early date": (DatetimeMS(-(10**17)), "0001-01-01T00:00:00.000Z"),
    "code": (Code("f()"), "f()"),
    "reference": (DBRef("c", ObjectId("656565656565656565656565")), "c/656565656565656565656565"),
    "timestamp": (Timestamp(0, 1), "1970-01-01T00:00:00.000Z"),
    "least": (MinKey(), "MinKey"),
    "most": (MaxKey(), "MaxKey"),
    "text": ("as it is", "as it is"),
}


def test_any_value_of_others_is_shown_as_json(service: Service) -> None:
    deal_id, notes = add_deal(service, "Foreign", *FOREIGN)
    ids = dict(zip(FOREIGN, notes, strict=True))
    timeline(service, "Foreign")
    for kind, (value, _) in FOREIGN.items():
        written = {"sentiment": value, "buyer_intent": {"deep": [value, {"a.b": value}]}}
        service.database.deal_timeline.update_one({"deal_id": deal_id, "engagement_id": ids[kind]}, {"$set": written})
    service.clock.tick(60)

    for path, query in (("deal-timeline", {}), (V2 + "deal-timeline", {}), ("deal-timeline", {"refresh": "true"})):
        events = timeline(service, "Foreign", path, **query)
        for kind, (_, shown) in FOREIGN.items():
            found = events[ids[kind]]
            assert (found["sentiment"], found["buyer_intent"]) == (shown, {"deep": [shown, {"a.b": shown}]}), kind
    for view in VIEWS:
        assert service.get(V2 + view, dealName="Foreign").status_code == 200


#: What an event is damaged by, and what is shown of it.
DAMAGES: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
    ({"$set": {"content": None}}, {"content": ""}),
    ({"$unset": {"content": "", "subject": ""}}, {"content": "", "subject": ""}),
    ({"$set": {"subject": 12, "owner": ["x"]}}, {"subject": "12", "owner": ""}),
    ({"$set": {"type": None}}, {"type": "Note"}),
    ({"$unset": {"type": "", "hubspot_updated_at": ""}}, {"type": "Note"}),
    ({"$set": {"occurred_at": "2026-02-03T04:05:06Z"}}, {"date_str": "2026-02-03", "time_str": "04:05"}),
    ({"$set": {"occurred_at": DatetimeMS(10**17)}}, {"date_str": "9999-12-31"}),
    ({"$set": {"hubspot_updated_at": "odd", "synced_at": "odd"}}, {"content": "fine"}),
)


def test_a_damaged_event_is_shown_as_far_as_it_can_be(service: Service) -> None:
    for number, (damage, shown) in enumerate(DAMAGES):
        name = f"Damaged {number}"
        _, (odd, fine) = add_deal(service, name, "fine", "other")
        timeline(service, name)
        service.database.deal_timeline.update_one({"engagement_id": odd}, damage)

        events = timeline(service, name, V2 + "deal-timeline")
        assert {one: events[odd][one] for one in shown} == shown
        assert events[fine]["content"] == "other", damage
        count = service.get(V2 + "deal-activities-count", dealName=name).get_json()
        assert count == {"count": 2, "by_type": {"Note": 2}}, damage
        info = service.get(V2 + "deal-info", dealName=name).get_json()
        assert [info["startDate"], info["endDate"]] == sorted(event["date_str"] for event in events.values()), damage
        # The next reading of HubSpot mends it.
        service.clock.tick(60)
        assert timeline(service, name, refresh="true")[odd]["content"] == "fine", damage
        assert timeline(service, name, V2 + "deal-timeline")[odd]["content"] == "fine", damage


@pytest.mark.parametrize(
    "damage",
    [
        {"$unset": {"deal_name": ""}},
        {"$set": {"deal_name": ["x"], "amount": Decimal128("1.5")}},
        {"$set": {"create_date": "soon", "close_date": DatetimeMS(10**17), "hubspot_updated_at": 7}},
        {
            "$set": {
                "owner_id": {},
                "stage_id": ObjectId("65f0c0ffee0123456789abcd"),
                "merged_ids": "odd",
                "archived": "no",
            }
        },
        {"$set": {"amount": float("nan"), "timeline_synced_at": DatetimeMS(10**16)}},
        {"$unset": {"deal_id": ""}},
    ],
    ids=str,
)
def test_a_damaged_deal_breaks_no_list_and_no_batch(service: Service, damage: dict[str, Any]) -> None:
    odd, _ = add_deal(service, "Damaged")
    for name in ("Damaged", ACME):
        service.get("deal-info", dealName=name)
    stage = service.database.deal_info.find_one({"deal_id": odd})["stage_id"]
    assert service.database.deal_info.update_one({"deal_id": odd}, damage).modified_count == 1
    service.clear()

    assert len(service.get(V2 + "all-deals").get_json()) == 2
    for path in ("pipeline-summary", "stages"):
        assert service.get(V2 + path).status_code == 200
    assert service.get(V2 + "deals", stage=stage).status_code == 200
    answer = service.batch("Damaged", ACME).get_json()
    assert set(answer["deals"]) | set(answer["errors"]) == {"Damaged", ACME}
    assert ACME in answer["deals"]
    assert service.get(V2 + "deal-info", dealName=ACME).status_code == 200


@pytest.mark.parametrize(
    "properties",
    [
        {"amount": "abc", "closedate": "soon", "dealstage": ["x"]},
        {"dealname": None},
        {"dealname": ["x"], "hubspot_owner_id": {"id": 1}},
        {"hs_lastmodifieddate": {}, "hs_merged_object_ids": [1]},
    ],
    ids=str,
)
def test_a_deal_with_odd_properties_shows_the_rest(service: Service, properties: dict[str, Any]) -> None:
    deal_id, _ = add_deal(service, "Odd", "x", amount="7")
    service.hubspot.poison("deals", deal_id, properties=properties)
    for path in ("", V2):
        info = service.get(path + "deal-info", dealId=deal_id).get_json()
        assert info["activityCount"] == 1
        assert info["amount"] == (None if "amount" in properties else 7.0)


def test_odd_owners_and_pipelines_leave_the_others_their_names(service: Service) -> None:
    data = service.hubspot.data
    service.hubspot.poison("owners", data.owners[0]["id"], members={"firstName": {"x": 1}, "lastName": 7, "email": []})
    service.hubspot.poison("owners", data.owners[1]["id"], absent=["id"])
    odd = {"id": "odd", "label": ["x"], "displayOrder": "2", "stages": [{"id": None}, {"id": "s", "metadata": []}, 7]}
    named, _ = add_deal(service, "Named", hubspot_owner_id=data.owners[2]["id"])
    data.pipelines.append(odd)
    info = service.get("deal-info", dealId=named).get_json()
    assert info["dealOwner"].startswith(data.owners[2]["firstName"])
    assert info["dealStage"] == data.pipelines[0]["stages"][0]["label"]


def test_each_type_of_activity_survives_properties_that_are_none(service: Service) -> None:
    deal_id, _ = add_deal(service, "Kinds")
    odd = {kind: service.hubspot.data.add_activity(kind, deals=[deal_id]) for kind in ENGAGEMENT_TYPES}
    for kind, one in odd.items():
        service.hubspot.poison(kind, one, members={"properties": "x"})
    events = timeline(service, "Kinds")
    for kind, one in odd.items():
        event = events[one]
        assert (event["type"], event["content"], event["subject"]) == (EVENT_TYPE_OF[kind], "", "")


def test_what_mongodb_cannot_give_is_not_called_its_absence(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise InvalidBSON("a length is wrong")

    service.get("deal-info", dealName=ACME)
    monkeypatch.setattr("pymongo.synchronous.collection.Collection.aggregate", broken)
    problem = assert_problem(service.get(V2 + "deal-info", dealName=ACME), 503)
    assert "does not answer" not in problem["detail"]


def test_logging_of_records_stays_within_its_level(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    deal_id, _ = add_deal(service, "Logged")
    service.hubspot.poison("deals", deal_id, properties={"amount": "a very private amount"})
    with caplog.at_level(logging.DEBUG, "dealcache"):
        service.get("deal-info", dealId=deal_id)
    assert f"a record of deals ({deal_id}): not all of it can be read: amount" in caplog.messages
    assert not any("very private" in message for message in caplog.messages)
