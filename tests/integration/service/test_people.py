"""The names of people on timelines: cold, from MongoDB, and when HubSpot refuses them."""

from __future__ import annotations

from math import ceil
from typing import Any

import pytest

from dealcache.model.deals import ENGAGEMENT_TYPES
from dealcache.sandbox.simulator import ALL_SCOPES, Fault, Simulator, demo_deal_id, people_of
from tests.integration.service.harness import ACME, V2, MakeService, Service, tier

DEAL_ID = demo_deal_id(ACME)


@pytest.fixture
def naming(make_service: MakeService) -> Service:
    return make_service(ASSOCIATED_NAMES="on")


def shown(timeline: dict[str, Any]) -> dict[str, Any]:
    """Return the people in a timeline, in the form of the simulator's ground truth."""
    kinds = {"Call": "calls", "Meeting": "meetings", "Note": "notes", "Task": "tasks", "Postal Mail": "postal_mail"}
    kinds |= dict.fromkeys(("SMS", "WhatsApp", "LinkedIn Message"), "communications")
    events = {
        f"{kinds.get(event['type'], 'emails')}:{event['engagement_id']}": event["with"] for event in timeline["events"]
    }
    return {"with": timeline["with"], "events": events}


def timeline_of(service: Service, **query: Any) -> dict[str, Any]:
    response = service.get("deal-timeline", dealId=DEAL_ID, **query)
    assert response.status_code == 200, response.text
    return response.get_json()


def stored_timeline(service: Service) -> dict[str, Any]:
    return service.get(f"{V2}deal-timeline", dealId=DEAL_ID).get_json()


def test_a_cold_timeline_names_everybody_and_so_does_mongodb(naming: Service) -> None:
    truth = people_of(naming.hubspot.data, DEAL_ID)

    cold = timeline_of(naming)

    assert shown(cold) == truth
    assert sum(len(people) for people in truth["events"].values()) > 30
    assert shown(stored_timeline(naming)) == truth
    naming.clear()
    again = naming.get("deal-timeline", dealId=DEAL_ID)
    assert tier(again) == "mongodb"
    assert again.get_json() == cold


def test_names_cost_two_calls_for_each_type_and_one_for_a_hundred_people(naming: Service) -> None:
    truth = people_of(naming.hubspot.data, DEAL_ID)
    keys = {(one["type"], one["id"]) for people in (truth["with"], *truth["events"].values()) for one in people}
    timeline_of(naming)
    named = [call for call in naming.hubspot.calls if "/contacts" in call.path or "/companies" in call.path]

    associations = [call for call in named if call.kind == "associations"]
    assert len(associations) == 2 * (1 + len(ENGAGEMENT_TYPES))
    reads = [call.object_type for call in named if call.kind == "batch_read"]
    assert sorted(reads) == ["companies", *["contacts"] * ceil(sum(kind == "contact" for kind, _ in keys) / 100)]
    assert len(named) == len(associations) + len(reads)

    # The same people on another deal: nothing is read twice.
    naming.hubspot.calls.clear()
    other = naming.hubspot.data.add_deal("Another")
    for kind, one in keys:
        naming.hubspot.data.associate("deals", other, kind, one)
    answer = naming.get("deal-timeline", dealId=other).get_json()
    assert len(answer["with"]) == len(keys)
    assert [call for call in naming.hubspot.calls if call.object_type in ("contacts", "companies")] == []


def test_off_there_is_no_call_no_field_and_no_trace_of_it(service: Service) -> None:
    answer = service.get("deal-timeline", dealId=DEAL_ID)

    assert "with" not in answer.get_json()
    assert not any("with" in event for event in answer.get_json()["events"])
    assert not any("contacts" in call.path or "companies" in call.path for call in service.hubspot.calls)
    assert not any(service.database[name].find_one() for name in ("contacts", "companies"))
    assert service.database.deal_timeline.find_one({"with": {"$exists": True}}) is None


def test_turned_off_again_nobody_is_named_although_they_are_stored(naming: Service, make_service: MakeService) -> None:
    timeline_of(naming)
    off = make_service()

    assert "with" not in timeline_of(off)
    assert not any("with" in event for event in timeline_of(off)["events"])


@pytest.mark.parametrize("scope", ["crm.objects.companies.read"])
def test_a_missing_scope_fails_no_deal_and_is_not_asked_for_again_at_once(
    naming: Service, scope: str, caplog: pytest.LogCaptureFixture
) -> None:
    naming.hubspot.site.scopes = ALL_SCOPES - {scope}
    # HubSpot tells associations to anybody with a right to one of the ends; here it does not.
    naming.hubspot.faults.add(Fault("/associations/.*/companies/", status=403))

    timeline = timeline_of(naming)

    assert len(timeline["events"]) == 60
    assert "with" not in timeline
    assert sum("HubSpot refuses the names of people" in line for line in caplog.messages) == 1
    naming.hubspot.calls.clear()
    timeline_of(naming, refresh="true")
    assert not any("contacts" in call.path or "companies" in call.path for call in naming.hubspot.calls)


@pytest.mark.parametrize(
    "fault", [Fault("/associations/.*/contacts/", status=500), Fault("/objects/contacts/batch", status=400)]
)
def test_people_who_cannot_be_read_fail_no_deal(naming: Service, hubspot: Simulator, fault: Fault) -> None:
    hubspot.faults.add(fault)

    timeline = timeline_of(naming)

    assert len(timeline["events"]) == 60
    assert all(one["name"] is None for one in timeline.get("with", []) if one["type"] == "contact")


def test_a_refresh_finds_new_names_and_shows_them_on_other_deals(naming: Service) -> None:
    data = naming.hubspot.data
    timeline_of(naming)
    contact = next(one for one in people_of(data, DEAL_ID)["with"] if one["type"] == "contact")
    other = data.add_deal("Another")
    data.associate("deals", other, "contacts", contact["id"])
    naming.get("deal-timeline", dealId=other)
    data.update("contacts", contact["id"], {"firstname": "Renamed", "lastname": "Person"})

    assert shown(timeline_of(naming, refresh="true")) == people_of(data, DEAL_ID)
    assert naming.get("deal-timeline", dealId=other).get_json()["with"][0]["name"] == "Renamed Person"


def test_who_was_deleted_or_merged_is_shown_as_hubspot_shows_it(naming: Service) -> None:
    data = naming.hubspot.data
    timeline_of(naming)
    first, second, *_ = [one["id"] for one in people_of(data, DEAL_ID)["with"] if one["type"] == "contact"]
    data.erase("contacts", second)
    merged = data.create("contacts", {"firstname": "Some", "lastname": "Body"})
    kept = str(data.merge("contacts", first, merged.id).id)

    timeline = timeline_of(naming, refresh="true")

    assert shown(timeline) == people_of(data, DEAL_ID)
    named = {
        one["id"] for people in (timeline["with"], *(event["with"] for event in timeline["events"])) for one in people
    }
    assert kept in named
    assert named.isdisjoint({first, second})


def test_parts_and_batches_name_people_too(naming: Service) -> None:
    whole = timeline_of(naming)

    part = timeline_of(naming, types="Call", limit=3)
    assert part["with"] == whole["with"]
    assert part["events"] == [event for event in whole["events"] if event["type"] == "Call"][:3]
    batch = naming.batch(ACME, include=["timeline"]).get_json()
    assert batch["deals"][ACME]["timeline"] == whole
    lines = naming.get("deal-timeline", dealId=DEAL_ID, format="ndjson").text.splitlines()
    assert len(lines) == 60
    assert '"with"' in lines[0]
