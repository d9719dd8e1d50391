"""The service says of deals exactly what HubSpot's account holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime

import pytest

from dealcache.sandbox.simulator import Dataset, Simulator, activities_of, demo_data, demo_deal_id, live_deals
from tests.clocks import ManualClock
from tests.integration.service.harness import (
    ACME,
    TOKEN,
    V2,
    VIEWS,
    MakeService,
    Service,
    bodies,
    event_ids,
    running,
    tier,
)

DEALS = 70
_KINDS = {
    "calls": "Call",
    "meetings": "Meeting",
    "notes": "Note",
    "tasks": "Task",
    "postal_mail": "Postal Mail",
    "EMAIL": "Outgoing Email",
    "INCOMING_EMAIL": "Incoming Email",
    "FORWARDED_EMAIL": "Forwarded Email",
    "SMS": "SMS",
    "WHATS_APP": "WhatsApp",
    "LINKEDIN_MESSAGE": "LinkedIn Message",
}


@pytest.fixture(scope="module")
def demo(mongodb_uri: str) -> Iterator[Service]:
    """A service on the demo account, which nobody changes."""
    clock = ManualClock(float(int(datetime.now(UTC).timestamp())))
    with ExitStack() as stack:
        hubspot = stack.enter_context(Simulator(demo_data(DEALS), token=TOKEN, limits=None, clock=clock))
        yield stack.enter_context(running(hubspot, mongodb_uri, "test_truth", clock))


def expected_events(data: Dataset, deal_id: str) -> list[tuple[datetime, str, str]]:
    """Time, id and type of a deal's events in the contract's order, from the account itself."""
    events = []
    for one in activities_of(data, deal_id):
        properties = data.existing(one.type, one.id).properties
        text = one.timestamp or properties.get("hs_meeting_start_time") or properties["hs_createdate"]
        when = datetime.fromisoformat(text)
        kind = properties.get("hs_email_direction") or properties.get("hs_communication_channel_type") or one.type
        events.append((when, f"{one.id}_{when:%Y%m%d%H%M}", _KINDS[kind]))
    return sorted(events)


@pytest.mark.parametrize("number", range(DEALS))
def test_counts_and_events_are_those_of_hubspot(demo: Service, number: int) -> None:
    deal = live_deals(demo.hubspot.data)[number]
    expected = expected_events(demo.hubspot.data, str(deal.id))
    count, timeline, info = (demo.get(view, dealId=str(deal.id)).get_json() for view in VIEWS)
    assert [(event["id"], event["type"]) for event in timeline["events"]] == [row[1:] for row in expected]
    assert [datetime.fromisoformat(event["timestamp"]) for event in timeline["events"]] == [row[0] for row in expected]
    assert count == {"count": len(expected), "by_type": Counter(row[2] for row in expected)}
    days = [row[0].date().isoformat() for row in expected]
    extent = (days[0], days[-1]) if days else (None, None)
    assert (timeline["start_date"], timeline["end_date"]) == extent
    assert (info["startDate"], info["endDate"], info["activityCount"]) == (*extent, len(expected))
    assert (info["dealId"], info["dealName"]) == (str(deal.id), deal.properties["dealname"])
    assert (timeline["deal_id"], timeline["deal_name"]) == (str(deal.id), deal.properties["dealname"])
    assert (info["amount"] is None) == (not deal.properties["amount"])
    assert info["amount"] is None or info["amount"] == float(deal.properties["amount"])


@pytest.mark.parametrize("number", range(0, DEALS, 3))
def test_names_and_ids_and_tiers_agree_on_every_deal(demo: Service, number: int) -> None:
    """Whichever deal a name means: read by its id, and from MongoDB, it is the same to the byte."""
    name = live_deals(demo.hubspot.data)[number].properties["dealname"]
    deal_id = demo.get("deal-info", dealName=name).get_json()["dealId"]
    for view in VIEWS:
        answers = [
            demo.get(path, headers, **how)
            for how in ({"dealName": name}, {"dealId": deal_id})
            for path, headers in ((view, {}), (view, {"Cache-Control": "no-cache"}), (V2 + view, {}))
        ]
        assert len(bodies(answers)) == 1


@pytest.mark.parametrize(
    ("name", "count"),
    [("Initech pilot", 0), ("Umbrella onboarding", 1), (ACME, 60), ("Globex expansion", 2_500)],
)
def test_deals_of_every_size(demo: Service, name: str, count: int) -> None:
    found = demo.get("deal-activities-count", dealName=name).get_json()
    assert (found["count"], sum(found["by_type"].values())) == (count, count)
    ids = event_ids(demo.get("deal-timeline", dealName=name))
    assert len(ids) == len(set(ids)) == count or name == "Globex expansion"
    assert len(ids) == count


def test_a_deal_without_activities_has_an_empty_timeline(demo: Service) -> None:
    timeline = demo.get("deal-timeline", dealName="Initech pilot").get_json()
    assert (timeline["events"], timeline["start_date"], timeline["end_date"]) == ([], None, None)
    assert demo.get("deal-activities-count", dealName="Initech pilot").get_json() == {"count": 0, "by_type": {}}


def test_an_archived_activity_is_left_out_and_a_shared_one_is_on_both_deals(demo: Service) -> None:
    acme = event_ids(demo.get("deal-timeline", dealName=ACME))
    shouted = event_ids(demo.get("deal-timeline", dealName="ACME RENEWAL"))
    assert len(set(acme) & set(shouted)) == 1
    contents = demo.get("deal-timeline", dealName=ACME).get_json()["events"]
    assert not any("Wrong deal, sorry." in event["content"] for event in contents)
    assert demo_deal_id(ACME) != demo_deal_id("ACME RENEWAL")


def test_texts_are_plain_and_previews_short(demo: Service) -> None:
    events = demo.get("deal-timeline", dealName="Globex expansion").get_json()["events"]
    assert len({event["owner"] for event in events}) > 3
    assert {type(event[field]) for event in events for field in ("subject", "content", "owner")} == {str}
    for event in events:
        content = event["content"]
        assert "<script" not in content
        assert "<p>" not in content
        assert "&nbsp;" not in content
        assert event["content_preview"] == (content if len(content) <= 150 else content[:150] + "...")


def test_both_versions_of_hubspots_api_bring_the_same_deal(make_service: MakeService) -> None:
    old, new = make_service(), make_service(HUBSPOT_API_VERSION="2026-09")
    before = old.get("deal-timeline", dealName=ACME)
    old.hubspot.calls.clear()
    after = new.get("deal-timeline", dealName=ACME, refresh="true")
    assert tier(before) == tier(after) == "hubspot"
    assert before.data == after.data
    assert new.calls() >= 15
    assert all("/2026-09" in call.path for call in new.hubspot.calls)


def test_an_event_has_every_field_of_the_contract(service: Service) -> None:
    data = service.hubspot.data
    deal_id = data.add_deal("Fields", {"hubspot_owner_id": "999999", "amount": "1500.50", "closedate": ""})
    body = "<p>Hello&nbsp;<b>you</b> &amp; me</p><script>alert(1)</script>"
    call_id = data.add_activity(
        "calls",
        {
            "hs_timestamp": "2026-03-29T00:59:30.250Z",
            "hs_call_title": "First call",
            "hs_call_body": body,
            "hubspot_owner_id": "910902",
        },
        deals=[deal_id],
    )
    timeline = service.get("deal-timeline", dealName="Fields").get_json()
    content = timeline["events"][0].pop("content")
    assert content.replace("\xa0", " ") == "Hello you & me"
    assert timeline["events"] == [
        {
            "id": f"{call_id}_202603290059",
            "engagement_id": call_id,
            "date_str": "2026-03-29",
            "time_str": "00:59",
            "timestamp": "2026-03-29T00:59:30.250Z",
            "type": "Call",
            "subject": "First call",
            "content_preview": content,
            "owner": "Tomáš Novák",
        }
    ]
    info = service.get("deal-info", dealName="Fields").get_json()
    today = datetime.fromtimestamp(service.clock(), UTC).date().isoformat()
    assert info == {
        "dealId": deal_id,
        "dealName": "Fields",
        "dealOwner": "Unknown Owner",
        "dealStage": "Appointment Scheduled",
        "activityCount": 1,
        "startDate": "2026-03-29",
        "endDate": "2026-03-29",
        "amount": 1500.5,
        "pipeline": "Sales Pipeline",
        "closeDate": None,
        "createDate": today,
        "otherDealIds": [],
    }
