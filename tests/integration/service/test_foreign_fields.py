"""Fields that other systems write into MongoDB are passed on and never lost."""

from __future__ import annotations

from typing import Any

from tests.integration.service.harness import ACME, V2, VIEWS, Service, assert_problem, tier

FIELDS = {"sentiment": "positive", "buyer_intent": "high", "buyer_intent_explanation": "asked for a contract"}


def mark_first_event(service: Service, fields: dict[str, Any]) -> str:
    """Write to the first stored event as another system would; returns the event's id."""
    event = service.get("deal-timeline", dealName=ACME).get_json()["events"][0]
    written = service.database.deal_timeline.update_one({"engagement_id": event["engagement_id"]}, {"$set": fields})
    assert written.modified_count == 1
    return event["id"]


def marked(service: Service, event_id: str, path: str = "deal-timeline", **query: str) -> dict[str, Any]:
    """The foreign fields that the timeline shows of one event, and of no other."""
    response = service.get(path, {"Cache-Control": "no-cache"}, dealName=ACME, **query)
    assert response.status_code == 200, response.text
    shown = {
        event["id"]: {name: value for name, value in event.items() if name in FIELDS or name == "internal"}
        for event in response.get_json()["events"]
    }
    found = shown.pop(event_id)
    assert not any(shown.values())
    return found


def test_foreign_fields_are_shown_and_survive_a_refresh(service: Service) -> None:
    event_id = mark_first_event(service, FIELDS)
    assert marked(service, event_id) == FIELDS
    assert marked(service, event_id, V2 + "deal-timeline") == FIELDS
    service.clock.tick(60)
    assert marked(service, event_id, refresh="true") == FIELDS
    assert marked(service, event_id) == FIELDS
    assert tier(service.get("deal-timeline", dealName=ACME)) == "memory"


def test_values_are_passed_on_as_they_are_and_other_fields_not_at_all(service: Service) -> None:
    fields = {"sentiment": {"score": 0.25, "labels": ["a", None]}, "buyer_intent": None, "internal": "secret"}
    event_id = mark_first_event(service, fields)
    del fields["internal"]
    assert marked(service, event_id) == fields
    service.clock.tick(60)
    assert marked(service, event_id, refresh="true") == fields


def test_an_event_that_changes_in_hubspot_keeps_what_others_wrote(service: Service) -> None:
    data = service.hubspot.data
    deal_id = data.add_deal("Changing")
    note_id = data.add_activity("notes", {"hs_note_body": "before"}, deals=[deal_id])
    service.get("deal-timeline", dealName="Changing")
    service.database.deal_timeline.update_one({"engagement_id": note_id}, {"$set": FIELDS | {"internal": 1}})
    service.database.deal_info.update_one({"deal_id": deal_id}, {"$set": {"score": 42}})
    service.clock.tick(60)
    data.update("notes", note_id, {"hs_note_body": "after"})
    data.update("deals", deal_id, {"amount": "5"})
    for query in ({"refresh": "true"}, {}):
        (event,) = service.get("deal-timeline", dealName="Changing", **query).get_json()["events"]
        assert event["content"] == "after"
        assert {name: event[name] for name in FIELDS} == FIELDS
    assert service.database.deal_info.find_one({"deal_id": deal_id})["score"] == 42
    assert service.database.deal_timeline.find_one({"engagement_id": note_id})["internal"] == 1
    assert service.get("deal-info", dealName="Changing").get_json()["amount"] == 5.0


def test_a_deal_whose_activities_were_never_read_is_fetched_by_v1_and_unknown_to_v2(service: Service) -> None:
    service.get("deal-info", dealName=ACME)
    service.database.deal_info.update_one({}, {"$unset": {"timeline_synced_at": ""}})
    service.database.deal_timeline.delete_many({})
    for view in VIEWS:
        problem = assert_problem(service.get(V2 + view, dealName=ACME), 404)
        assert "not been read" in problem["detail"]
    service.clear()
    response = service.get("deal-activities-count", dealName=ACME)
    assert (tier(response), response.get_json()["count"]) == ("hubspot", 60)
    assert service.get(V2 + "deal-activities-count", dealName=ACME).get_json()["count"] == 60


def test_a_deal_that_is_stored_as_a_homonym_only_is_not_taken_for_one_without_activities(service: Service) -> None:
    """Reading one of two deals of a name stores both, but the activities of that one alone."""
    data = service.hubspot.data
    other = data.add_deal("Same")
    data.add_activity("notes", deals=[other])
    service.clock.tick(1)
    data.add_deal("Same")
    assert service.get("deal-activities-count", dealName="Same").get_json()["count"] == 0
    assert service.get("deal-activities-count", dealId=other).get_json()["count"] == 1
