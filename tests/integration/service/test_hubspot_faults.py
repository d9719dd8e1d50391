"""Every way in which HubSpot fails: what the client is told, how often HubSpot is asked, and that nothing stays."""

from __future__ import annotations

from typing import Any

import pytest

from dealcache.sandbox.simulator import Fault
from tests.integration.service.harness import ACME, TOKEN, VIEWS, MakeService, Service, assert_problem, tier

KINDS = ("search", "associations", "batch_read")

#: What happens, the contract's status, and whether trying again may help.
FAULTS: dict[str, tuple[dict[str, Any], int, bool]] = {
    "401": ({"status": 401}, 502, False),
    "403": ({"status": 403}, 502, False),
    "404 path": ({"status": 404, "body": {"status": "error", "message": "resource not found"}}, 502, False),
    "423": ({"status": 423}, 502, True),
    "429": ({"status": 429}, 503, True),
    "429 with a wait": ({"status": 429, "headers": {"Retry-After": "3"}}, 503, True),
    "477": ({"status": 477}, 503, True),
    "500": ({"status": 500}, 502, True),
    "502 html": ({"status": 502, "html": True}, 502, True),
    "503": ({"status": 503}, 502, True),
    "504": ({"status": 504}, 502, True),
    "521 html": ({"status": 521, "html": True}, 502, True),
    "524": ({"status": 524}, 502, True),
    "reset": ({"reset": True}, 502, True),
    "cut short": ({"cut_short": True}, 502, True),
    "200 html": ({"status": 200, "html": True}, 502, True),
    "200 list": ({"status": 200, "body": []}, 502, True),
    "200 nonsense": ({"status": 200, "body": {"results": "none"}}, 502, True),
    "302": ({"status": 302, "headers": {"Location": "https://example.com/"}}, 502, False),
}
PASSING = [name for name, (_, _, passing) in FAULTS.items() if passing]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_that_stays(shared: Service, deal: str, caplog: pytest.LogCaptureFixture, name: str, kind: str) -> None:
    caplog.set_level("DEBUG", "dealcache")
    what, status, passing = FAULTS[name]
    shared.hubspot.faults.add(Fault(kind, **what))
    response = shared.get("deal-info", dealName=deal)
    problem = assert_problem(response, status)
    assert "https://example.com" not in problem["detail"]
    if kind == "search":
        # HubSpot's own clients repeat a 500 once: a hiccup is told from a fault.
        assert (shared.calls("search") > 1) == passing
    assert TOKEN not in caplog.text
    assert TOKEN not in str(response.headers)
    # No failure is remembered, in no view.
    shared.hubspot.faults.clear()
    assert tier(shared.get("deal-info", dealName=deal)) == "hubspot"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", PASSING)
def test_a_fault_that_passes_is_not_noticed(shared: Service, deal: str, name: str, kind: str) -> None:
    shared.hubspot.faults.add(Fault(kind, times=1, **FAULTS[name][0]))
    for view in VIEWS:
        assert shared.get(view, dealName=deal).status_code == 200
    assert shared.get("deal-activities-count", dealName=deal).get_json()["count"] == 7


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("kind", KINDS)
def test_a_refused_token_is_tried_once(service: Service, kind: str, status: int) -> None:
    service.hubspot.faults.add(Fault(kind, status=status))
    assert_problem(service.get("deal-info", dealName=ACME), 502)
    paths = [call.path for call in service.hubspot.calls if call.kind == kind]
    assert len(paths) == len(set(paths))


def test_missing_scopes_are_named(service: Service) -> None:
    scopes = ["crm.objects.deals.read", "crm.schemas.deals.read"]
    errors = [{"message": "One or more are required.", "context": {"requiredGranularScopes": scopes}}]
    body = {"status": "error", "category": "MISSING_SCOPES", "message": "no", "errors": errors}
    service.hubspot.faults.add(Fault("search", status=403, body=body))
    detail = assert_problem(service.get("deal-info", dealName=ACME), 502)["detail"]
    assert all(scope in detail for scope in scopes)


def test_the_callers_wait_is_the_one_that_hubspot_wants(service: Service) -> None:
    service.hubspot.faults.add(Fault("search", status=429, headers={"Retry-After": "7"}))
    response = service.get("deal-info", dealName=ACME)
    assert_problem(response, 503)
    assert response.headers["Retry-After"] == "7"


@pytest.mark.parametrize("kind", KINDS)
def test_a_slow_hubspot_is_given_up_in_time(make_service: MakeService, kind: str) -> None:
    service = make_service(HUBSPOT_DEADLINE_SECONDS="1.0")
    service.hubspot.faults.add(Fault(kind, delay=5.0))
    assert_problem(service.get("deal-info", dealName=ACME), 504)
    service.hubspot.faults.clear()
    assert tier(service.get("deal-info", dealName=ACME)) == "hubspot"


def test_the_retries_of_a_read_end_with_its_deadline(make_service: MakeService) -> None:
    service = make_service(HUBSPOT_DEADLINE_SECONDS="0.5")
    service.hubspot.faults.add(Fault("search", status=503, delay=0.2))
    assert service.get("deal-info", dealName=ACME).status_code in (502, 504)
    assert service.calls("search") <= 3


def test_a_failing_load_is_shared_by_all_who_wait_for_it(service: Service) -> None:
    service.hubspot.faults.add(Fault("search", status=401, delay=0.2))
    answers = service.together(10, lambda _: service.get("deal-info", dealName=ACME))
    assert [answer.status_code for answer in answers] == [502] * 10
    assert service.calls("search") == 1


def test_more_readers_than_may_wait_are_told_to_come_back(make_service: MakeService) -> None:
    service = make_service(THREADS="4")  # three may wait
    names = [f"Deal {number}" for number in range(8)]
    for name in names:
        service.hubspot.data.add_deal(name)
    service.get("deal-info", dealName=ACME)
    service.hubspot.faults.add(Fault("search", delay=1.0))
    answers = service.together(8, lambda number: service.get("deal-info", dealName=names[number]))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200] * 3 + [503] * 5
    for answer in answers:
        if answer.status_code == 503:
            assert_problem(answer, 503)
    assert tier(service.get("deal-info", dealName=ACME)) == "memory"


def test_a_token_that_hubspot_refuses_never_shows(make_service: MakeService, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "dealcache")
    caplog.set_level("DEBUG", "urllib3")
    wrong = "pat-eu1-wrong-and-secret"
    service = make_service(HUBSPOT_ACCESS_TOKEN=wrong)
    response = service.get("deal-info", dealName=ACME)
    assert_problem(response, 502)
    assert wrong not in response.text + str(response.headers) + caplog.text
    paths = [(call.method, call.path) for call in service.hubspot.calls]
    assert len(paths) == len(set(paths))
