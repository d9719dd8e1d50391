"""MongoDB down, HubSpot down, both down: who answers then, and for how long."""

from __future__ import annotations

import pytest

from dealcache.sandbox.simulator import Fault
from tests.integration.service.harness import ACME, V2, VIEWS, MakeService, Service, assert_problem, cache_status, tier
from tests.relay import Relay
from tests.waiting import until

STORED = ("deal-info?dealName=x", "deal-timeline?dealName=x", "deal-activities-count?dealName=x")
LISTS = ("all-deals", "deals?stage=closedwon", "stages", "pipeline-summary")


@pytest.fixture
def own(relayed_uri: str, make_service: MakeService) -> Service:
    """A service whose way to MongoDB may be cut."""
    return make_service(relayed_uri)


def all_fail(service: Service, status: int = 503) -> None:
    """Let HubSpot answer every call with ``status``, and count from zero."""
    service.hubspot.faults.clear()
    service.hubspot.faults.add(Fault(".", status=status))
    service.hubspot.calls.clear()


def test_without_mongodb_memory_and_hubspot_answer_and_mongodbs_own_paths_say_so(own: Service, relay: Relay) -> None:
    other = own.hubspot.data.add_deal("Other")
    known = own.get("deal-info", dealName=ACME)
    relay.cut()

    assert tier(own.get("deal-info", dealName=ACME)) == "memory"
    response = own.get("deal-info", dealName="Other")
    assert tier(response) == "hubspot"
    assert response.get_json()["dealId"] == other
    assert cache_status(response)["mongodb"] == "fwd=miss; detail=failed"
    assert tier(own.get("deal-timeline", dealName="Other")) == "memory"
    assert tier(own.get("deal-info", {"Cache-Control": "no-cache"}, dealName=ACME)) == "hubspot"
    assert tier(own.get("deal-info", dealName=ACME, refresh="true")) == "hubspot"
    for path in (*STORED, *LISTS):
        problem = assert_problem(own.get(V2 + path), 503)
        assert "mongodb://" not in problem["detail"]
    assert own.get(V2 + "health").get_json() == {"status": "healthy", "version": "v2"}
    assert_problem(own.get("deal-info", dealName="Nobody's"), 404)
    own.clear_here()

    relay.mend()
    until(lambda: own.get(V2 + "all-deals").status_code == 200)
    back = own.get("deal-info", dealName=ACME)
    assert (tier(back), back.data) == ("mongodb", known.data)
    # What was read meanwhile was not stored; it is now.
    assert tier(own.get("deal-info", dealName="Other")) == "hubspot"
    assert tier(own.get("deal-info", {"Cache-Control": "no-cache"}, dealName="Other")) == "mongodb"


def test_without_mongodb_from_the_start_hubspot_answers(make_service: MakeService) -> None:
    service = make_service("mongodb://ada:hunter2@127.0.0.1:1/")
    response = service.get("deal-info", dealName=ACME)
    assert tier(response) == "hubspot"
    assert tier(service.get("deal-timeline", dealName=ACME)) == "memory"
    assert "hunter2" not in assert_problem(service.get(V2 + "all-deals"), 503)["detail"]


def test_without_hubspot_memory_and_mongodb_answer(service: Service) -> None:
    service.hubspot.data.add_deal("Other")
    for view in VIEWS:
        service.get(view, dealName=ACME)
    service.hubspot.stop()
    assert {tier(service.get(view, dealName=ACME)) for view in VIEWS} == {"memory"}
    service.clear()
    assert {tier(service.get(view, dealName=ACME)) for view in VIEWS} == {"mongodb"}
    assert {service.get(V2 + path).status_code for path in LISTS} == {200}
    assert_problem(service.get("deal-info", dealName="Other"), 502)
    service.hubspot.start()
    assert tier(service.get("deal-info", dealName="Other")) == "hubspot"


def test_with_both_down_the_expired_value_serves_and_hubspot_is_left_alone(own: Service, relay: Relay) -> None:
    known = own.get("deal-info", dealName=ACME)
    relay.cut()
    all_fail(own)
    own.clock.tick(601)

    stale = own.get("deal-info", dealName=ACME)
    assert (tier(stale), stale.data) == ("memory", known.data)
    assert "stale" in cache_status(stale)["memory"]
    assert "ttl=-" in cache_status(stale)["memory"]
    assert int(stale.headers["Age"]) == 601
    tried = own.calls()
    assert tried > 0
    for view in VIEWS:
        for _ in range(3):
            assert "stale" in cache_status(own.get(view, dealName=ACME))["memory"]
    assert own.calls() == tried
    not_modified = own.get("deal-info", {"If-None-Match": known.headers["ETag"]}, dealName=ACME)
    assert not_modified.status_code == 304

    # After the pause one reader tries again, the others do not wait for it.
    all_fail(own, 401)
    own.clock.tick(10)
    answers = own.together(8, lambda _: own.get("deal-info", dealName=ACME))
    assert {(tier(answer), answer.data) for answer in answers} == {("memory", known.data)}
    paths = [call.path for call in own.hubspot.calls]
    assert len(paths) == len(set(paths))
    assert paths

    own.hubspot.faults.clear()
    own.clock.tick(10)
    assert tier(own.get("deal-info", dealName=ACME)) == "hubspot"
    assert cache_status(own.get("deal-info", dealName=ACME))["memory"].startswith("hit; ttl=5")


def test_with_both_down_a_deal_that_nobody_kept_is_an_error_that_is_not_remembered(own: Service, relay: Relay) -> None:
    own.get("deal-info", dealName=ACME)
    own.hubspot.data.add_deal("Other")
    relay.cut()
    for status, told in ((503, 502), (429, 503), (401, 502)):
        all_fail(own, status)
        assert_problem(own.get("deal-info", dealName="Other"), told)
    own.hubspot.faults.clear()
    assert tier(own.get("deal-info", dealName="Other")) == "hubspot"


@pytest.mark.parametrize(("late", "status"), [(-30, 200), (1, 502)])
def test_a_value_is_kept_for_bad_times_only_so_long(
    relay: Relay, relayed_uri: str, make_service: MakeService, late: float, status: int
) -> None:
    service = make_service(relayed_uri, STALE_IF_ERROR_SECONDS="60")
    service.get("deal-info", dealName=ACME)
    relay.cut()
    all_fail(service)
    service.clock.tick(600 + 60 + late)
    assert service.get("deal-info", dealName=ACME).status_code == status


def test_an_expired_value_does_not_serve_while_a_tier_below_answers(service: Service) -> None:
    service.get("deal-info", dealName=ACME)
    service.database.deal_info.update_one({}, {"$set": {"amount": 7.0}})
    service.hubspot.stop()
    service.clock.tick(601)
    response = service.get("deal-info", dealName=ACME)
    assert (tier(response), response.get_json()["amount"]) == ("mongodb", 7.0)


def test_a_clear_forgets_the_values_kept_for_bad_times(own: Service, relay: Relay) -> None:
    own.get("deal-info", dealName=ACME)
    relay.cut()
    all_fail(own)
    own.clock.tick(601)
    own.clear_here()
    assert_problem(own.get("deal-info", dealName=ACME), 502)
