"""A failing dependency does as little as possible to a batch, and leaves nothing behind."""

from __future__ import annotations

import time
from typing import Any

import pytest

from dealcache.sandbox.simulator import Fault
from tests.integration.service.harness import ACME, TOKEN, MakeService, Service, tier
from tests.relay import Relay

NO_CACHE = {"Cache-Control": "no-cache"}


def statuses(body: dict[str, Any]) -> dict[str, int]:
    return {name: error["status"] for name, error in body["errors"].items()}


def ask(service: Service, *names: str, **more: Any) -> dict[str, Any]:
    response = service.batch(*names, **more)
    assert response.status_code == 200, response.text
    assert TOKEN not in response.text
    body: dict[str, Any] = response.get_json()
    assert set(body["deals"]).isdisjoint(body["errors"])
    assert set(body["deals"]) | set(body["errors"]) == set(names)
    return body


@pytest.fixture
def names(shared: Service) -> list[str]:
    """Three deals that nobody has read yet, with two notes each."""
    made = [f"Deal {number} {time.monotonic_ns()}" for number in range(3)]
    for name in made:
        deal_id = shared.hubspot.data.add_deal(name)
        for _ in range(2):
            shared.hubspot.data.add_activity("notes", deals=[deal_id])
    return made


@pytest.mark.parametrize("kind", ["search", "associations", "batch_read"])
@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ({"status": 401}, 502),
        ({"status": 403}, 502),
        ({"status": 429}, 503),
        ({"status": 503}, 502),
        ({"reset": True}, 502),
        ({"status": 200, "html": True}, 502),
    ],
    ids=["401", "403", "429", "503", "reset", "html"],
)
def test_a_fault_that_stays_fails_the_cold_names_and_is_not_remembered(
    shared: Service, names: list[str], fault: dict[str, Any], status: int, kind: str
) -> None:
    shared.get("deal-info", dealName=ACME)
    shared.get("deal-activities-count", dealName=ACME)
    shared.hubspot.calls.clear()
    shared.hubspot.faults.add(Fault(kind, **fault))
    body = ask(shared, ACME, *names)
    assert (list(body["deals"]), statuses(body)) == ([ACME], dict.fromkeys(names, status))
    if status == 502 and "status" in fault and fault["status"] in (401, 403):
        paths = [call.path for call in shared.hubspot.calls if call.kind == kind]
        assert len(paths) == len(set(paths))  # one attempt for each call
    shared.hubspot.faults.clear()
    assert ask(shared, *names)["errors"] == {}


@pytest.mark.parametrize("kind", ["search", "associations", "batch_read"])
def test_a_fault_that_passes_is_not_noticed(shared: Service, names: list[str], kind: str) -> None:
    shared.hubspot.faults.add(Fault(kind, status=503, times=1))
    body = ask(shared, *names)
    assert [views["activities_count"]["count"] for views in body["deals"].values()] == [2, 2, 2]


def test_a_page_that_fails_concerns_the_deals_that_need_it(shared: Service, names: list[str]) -> None:
    large = f"Large {time.monotonic_ns()}"
    deal_id = shared.hubspot.data.add_deal(large)
    for _ in range(150):
        shared.hubspot.data.add_activity("notes", deals=[deal_id])
    # The first page of notes is answered; the second one, which only the large deal has, is not.
    shared.hubspot.faults.add(Fault("POST .*/associations/deals/notes/", status=503, skip=1))
    body = ask(shared, *names, large)
    assert (set(body["deals"]), statuses(body)) == (set(names), {large: 502})
    assert [views["activities_count"]["count"] for views in body["deals"].values()] == [2, 2, 2]
    assert {tier(shared.get("deal-timeline", dealName=name)) for name in names} == {"memory"}
    shared.hubspot.faults.clear()
    assert shared.get("deal-activities-count", dealName=large).get_json()["count"] == 150
    assert ask(shared, *names, large, headers=NO_CACHE)["errors"] == {}


def test_what_is_not_there_in_time_is_504_and_the_rest_is_there(make_service: MakeService) -> None:
    service = make_service(HUBSPOT_DEADLINE_SECONDS="8")
    data = service.hubspot.data
    for name, notes in (("small", 2), ("large", 150)):
        deal_id = data.add_deal(name)
        for _ in range(notes):
            data.add_activity("notes", deals=[deal_id])
    service.hubspot.faults.add(Fault("POST .*/associations/deals/notes/", delay=20.0, skip=1))
    body = ask(service, "large", "small")
    assert (set(body["deals"]), statuses(body)) == ({"small"}, {"large": 504})


def test_as_many_batches_wait_as_threads_may_and_no_more(make_service: MakeService) -> None:
    service = make_service(THREADS="4")  # three may load
    names = [f"Deal {number}" for number in range(80)]
    for name in names:
        service.hubspot.data.add_deal(name)
    service.get("deal-info", dealName=ACME)
    service.get("deal-activities-count", dealName=ACME)
    service.hubspot.faults.add(Fault("search", delay=0.5))
    bodies = service.together(8, lambda number: ask(service, ACME, *names[10 * number : 10 * number + 10]))
    failed = [body for body in bodies if body["errors"]]
    assert len(failed) == 5
    assert {status for body in failed for status in statuses(body).values()} == {503}
    assert all(ACME in body["deals"] for body in bodies)


@pytest.fixture
def own(relayed_uri: str, make_service: MakeService) -> Service:
    """A service whose way to MongoDB may be cut."""
    return make_service(relayed_uri)


def test_without_mongodb_memory_and_hubspot_answer(own: Service, relay: Relay) -> None:
    own.hubspot.data.add_deal("Other")
    own.hubspot.data.add_deal("Third")
    known = ask(own, ACME)
    relay.cut()
    body = ask(own, ACME, "Other", "Nobody's")
    assert body["deals"][ACME] == known["deals"][ACME]
    assert (set(body["deals"]), statuses(body)) == ({ACME, "Other"}, {"Nobody's": 404})
    assert tier(own.get("deal-timeline", dealName="Other")) == "memory"
    assert ask(own, ACME, "Third", headers=NO_CACHE)["errors"] == {}


def test_with_both_down_expired_values_serve_and_the_rest_fails(own: Service, relay: Relay) -> None:
    own.hubspot.data.add_deal("Other")
    known = ask(own, ACME)
    relay.cut()
    own.hubspot.faults.add(Fault(".", status=503))
    own.clock.tick(601)
    body = ask(own, ACME, "Other")
    assert body["deals"] == known["deals"]
    assert statuses(body) == {"Other": 502}
    own.hubspot.calls.clear()
    assert ask(own, ACME)["deals"] == known["deals"]
    assert own.calls() == 0  # they are left alone for a while
    relay.mend()
    own.hubspot.faults.clear()
    own.clock.tick(10)
    assert ask(own, ACME, "Other")["errors"] == {}


def test_without_hubspot_memory_and_mongodb_answer(service: Service) -> None:
    names = [f"Deal {number}" for number in range(5)]
    for name in names:
        service.hubspot.data.add_deal(name)
    known = ask(service, *names[:4])
    service.clear()
    ask(service, names[0])
    service.hubspot.stop()
    body = ask(service, *names)
    assert body["deals"] == known["deals"]
    assert statuses(body) == {names[4]: 502}
    service.hubspot.start()
    assert ask(service, *names)["errors"] == {}


def test_an_expired_value_does_not_serve_while_mongodb_answers(service: Service) -> None:
    ask(service, ACME)
    service.database.deal_info.update_one({}, {"$set": {"amount": 7.0}})
    service.hubspot.stop()
    service.clock.tick(601)
    assert ask(service, ACME)["deals"][ACME]["info"]["amount"] == 7.0


def test_batches_of_the_same_cold_deals_share_one_load(service: Service) -> None:
    names = [f"Deal {number}" for number in range(20)]
    for name in names:
        service.hubspot.data.add_deal(name)
    service.hubspot.faults.add(Fault("search", delay=0.3))
    bodies = service.together(6, lambda number: ask(service, *names[number:], *names[:number]))
    assert all(body["errors"] == {} for body in bodies)
    assert (service.calls("search"), service.calls("associations")) == (1, 7)
