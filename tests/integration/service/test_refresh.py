"""``refresh=true``: asks HubSpot, writes through all tiers, and never makes anything worse."""

from __future__ import annotations

import pytest

from dealcache.sandbox.simulator import Fault, demo_deal_id
from tests.integration.service.harness import ACME, V2, VIEWS, MakeService, Service, assert_problem, bodies, tier

BY_NAME = {"dealName": ACME}
BY_ID = {"dealId": demo_deal_id(ACME)}


def change(service: Service, amount: str = "123.5") -> None:
    """Change the deal in HubSpot and give it one more activity."""
    service.clock.tick(20)
    service.hubspot.data.update("deals", BY_ID["dealId"], {"amount": amount})
    service.hubspot.data.add_activity("notes", {"hs_note_body": "brand new"}, deals=[BY_ID["dealId"]])
    service.clock.tick(1)


def seen(service: Service, how: dict[str, str], path: str = "deal-info", **headers: str) -> tuple[float, int]:
    """The amount and the number of activities that a read shows."""
    info = service.get(path, headers, **how).get_json()
    return info["amount"], info["activityCount"]


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("how", [BY_NAME, BY_ID], ids=["name", "id"])
def test_a_refresh_of_one_view_is_seen_everywhere(service: Service, how: dict[str, str], view: str) -> None:
    for key in (BY_NAME, BY_ID):
        for each in VIEWS:
            service.get(each, **key)
    change(service)
    assert tier(service.get(view, refresh="true", **how)) == "hubspot"
    for key in (BY_NAME, BY_ID):
        assert seen(service, key) == (123.5, 61)
        assert seen(service, key, **{"Cache-Control": "no-cache"}) == (123.5, 61)
        assert seen(service, key, V2 + "deal-info") == (123.5, 61)
        assert service.get("deal-activities-count", **key).get_json()["count"] == 61
        events = service.get("deal-timeline", **key).get_json()["events"]
        assert "brand new" in {event["content"] for event in events}


def test_an_activity_that_is_gone_is_gone_after_a_refresh(service: Service) -> None:
    data = service.hubspot.data
    deal_id = data.add_deal("Shrinking")
    notes = [data.add_activity("notes", deals=[deal_id]) for _ in range(3)]
    assert service.get("deal-activities-count", dealName="Shrinking").get_json()["count"] == 3
    service.clock.tick(60)
    data.archive("notes", notes[0])
    data.disassociate("deals", deal_id, "notes", notes[1])
    for query in ({"refresh": "true"}, {}):
        assert service.get("deal-activities-count", dealName="Shrinking", **query).get_json()["count"] == 1
    assert service.get(V2 + "deal-activities-count", dealName="Shrinking").get_json()["count"] == 1


@pytest.mark.parametrize("warm", [False, True])
def test_refreshes_at_once_share_one_fetch(make_service: MakeService, warm: bool) -> None:
    service = make_service(THREADS="32")
    if warm:
        service.get("deal-info", dealName=ACME)
        change(service)
    service.hubspot.calls.clear()
    service.hubspot.latency = 0.05
    answers = service.together(15, lambda number: service.get(VIEWS[number % 3], refresh="true", **BY_NAME))
    assert len(bodies(answers)) == 3
    assert service.calls("search") == 1


def test_a_deal_that_was_refreshed_just_now_is_not_fetched_again(service: Service) -> None:
    service.get("deal-info", refresh="true", **BY_NAME)
    calls = service.calls()
    service.clock.tick(9)
    for view in VIEWS:
        assert tier(service.get(view, refresh="true", **BY_NAME)) == "memory"
    assert service.calls() == calls
    service.clock.tick(1)
    assert tier(service.get("deal-info", refresh="true", **BY_NAME)) == "hubspot"


def test_a_deal_that_was_refreshed_by_name_is_not_fetched_again_by_id(service: Service) -> None:
    service.get("deal-info", **BY_ID)
    service.clock.tick(60)
    service.get("deal-info", refresh="true", **BY_NAME)
    calls = service.calls()
    service.clock.tick(5)
    assert service.get("deal-info", refresh="true", **BY_ID).status_code == 200
    assert service.calls() == calls


@pytest.mark.parametrize("how", [BY_NAME, BY_ID], ids=["name", "id"])
def test_a_deal_that_was_archived_in_hubspot_is_gone_after_a_refresh(service: Service, how: dict[str, str]) -> None:
    for key in (BY_NAME, BY_ID):
        service.get("deal-info", **key)
    service.hubspot.data.add_deal("Stays")
    service.get("deal-info", dealName="Stays")
    service.clock.tick(60)
    service.hubspot.data.archive("deals", BY_ID["dealId"])
    assert_problem(service.get("deal-info", refresh="true", **how), 404)
    for key in (BY_NAME, BY_ID):
        for view in VIEWS:
            assert_problem(service.get(view, **key), 404)
            assert_problem(service.get(V2 + view, **key), 404)
    assert [row["name"] for row in service.get(V2 + "all-deals").get_json()] == ["Stays"]
    stage = service.get(V2 + "deals", stage="Contract Sent").get_json()
    assert ACME not in [row["Deal_Name"] for row in stage]
    assert sum(row["count"] for row in service.get(V2 + "pipeline-summary").get_json()) == 1


@pytest.mark.parametrize("how", [BY_NAME, BY_ID], ids=["name", "id"])
def test_a_deal_that_was_renamed_in_hubspot_has_only_its_new_name_after_a_refresh(
    service: Service, how: dict[str, str]
) -> None:
    for view in VIEWS:
        service.get(view, **BY_NAME)
    service.clock.tick(60)
    service.hubspot.data.update("deals", BY_ID["dealId"], {"dealname": "New name"})
    status = service.get("deal-info", refresh="true", **how).status_code
    assert status == (404 if "dealName" in how else 200)
    for path in (*VIEWS, *(V2 + view for view in VIEWS)):
        assert_problem(service.get(path, **BY_NAME), 404)
    assert [row["name"] for row in service.get(V2 + "all-deals").get_json()] == ["New name"]
    assert service.get("deal-info", dealName="New name").get_json()["dealId"] == BY_ID["dealId"]


def test_a_deal_that_was_restored_in_hubspot_is_back_after_a_refresh(service: Service) -> None:
    service.get("deal-info", **BY_NAME)
    service.clock.tick(60)
    service.hubspot.data.archive("deals", BY_ID["dealId"])
    assert_problem(service.get("deal-info", refresh="true", **BY_NAME), 404)
    service.clock.tick(60)
    service.hubspot.data.restore("deals", BY_ID["dealId"])
    assert seen(service, BY_NAME | {"refresh": "true"})[1] == 60
    assert seen(service, BY_NAME, V2 + "deal-info")[1] == 60


@pytest.mark.parametrize("kind", ["search", "associations", "batch_read"])
def test_a_refresh_that_fails_says_so_and_destroys_nothing(service: Service, kind: str) -> None:
    known = [service.get(view, **BY_NAME).data for view in VIEWS]
    change(service)
    for status, told in ((401, 502), (503, 502), (429, 503)):
        service.hubspot.faults.add(Fault(kind, status=status))
        response = service.get("deal-info", refresh="true", **BY_NAME)
        assert_problem(response, told)
        service.hubspot.faults.clear()
        for path, headers in (("", {}), ("", {"Cache-Control": "no-cache"}), (V2, {})):
            assert [service.get(path + view, headers, **BY_NAME).data for view in VIEWS] == known
    # It does not count as a refresh either.
    assert seen(service, BY_NAME | {"refresh": "true"}) == (123.5, 61)


def test_a_refresh_that_is_not_wanted_is_none(service: Service) -> None:
    service.get("deal-info", **BY_NAME)
    for value in ("false", "False"):
        assert tier(service.get("deal-info", refresh=value, **BY_NAME)) == "memory"


def test_any_other_value_is_refused(service: Service) -> None:
    for value in ("1", "yes", "", "TRUE "):
        problem = assert_problem(service.get("deal-info", refresh=value, **BY_NAME), 422)
        assert list(problem["errors"]) == ["refresh"]
