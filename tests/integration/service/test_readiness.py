"""Liveness and readiness, and the work that goes on beside the requests."""

from __future__ import annotations

import pytest

from dealcache.breaker import Breaker
from dealcache.hubspot.transport import Transport
from dealcache.sandbox.simulator import Fault
from tests.integration.service.harness import V2, MakeService, Service, assert_problem
from tests.relay import Relay
from tests.waiting import until

#: What readiness says of the data while nothing is stored.
NO_DATA = {"data_as_of": None, "data_age_seconds": None}


def test_ready_when_both_answer(service: Service) -> None:
    response = service.get("/readyz")
    assert (response.status_code, response.get_json()) == (200, {"status": "ready", "missing": []} | NO_DATA)
    assert service.get("/healthz").get_json() == {"status": "ok"}
    # A probe comes every few seconds, and each call counts towards the account's limit.
    for _ in range(10):
        service.get("/readyz")
    assert service.calls() == 1


@pytest.mark.parametrize("status", [401, 500])
def test_degraded_without_hubspot(service: Service, status: int) -> None:
    service.hubspot.faults.add(Fault(".", status=status))
    response = service.get("/readyz")
    assert (response.status_code, response.get_json()) == (
        200,
        {"status": "degraded", "missing": ["hubspot"]} | NO_DATA,
    )


def test_degraded_when_hubspot_cannot_be_reached(service: Service) -> None:
    service.hubspot.stop()
    assert service.get("/readyz").get_json()["status"] == "degraded"


def test_a_read_that_failed_shows_at_once_without_a_probe(service: Service) -> None:
    assert service.get("/readyz").get_json()["status"] == "ready"
    service.hubspot.faults.add(Fault(".", status=401))
    assert service.get("deal-info", dealName="Anything").status_code == 502
    assert service.get("/readyz").get_json()["status"] == "degraded"
    assert service.calls("account") == 1


def test_ready_while_hubspot_limits_us(service: Service) -> None:
    service.hubspot.faults.add(Fault(".", status=429))
    assert service.get("/readyz").get_json()["status"] == "ready"


def test_unavailable_without_mongodb_and_ready_again_with_it(
    make_service: MakeService, relay: Relay, relayed_uri: str
) -> None:
    service = make_service(relayed_uri)
    assert service.get("/readyz").status_code == 200
    relay.cut()
    response = service.get("/readyz")
    assert (response.status_code, response.get_json()) == (
        503,
        {"status": "unavailable", "missing": ["mongodb"]} | NO_DATA,
    )
    assert service.get("/healthz").status_code == 200
    relay.mend()
    until(lambda: service.get("/readyz").status_code == 200)


def test_liveness_asks_nobody(make_service: MakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    service = make_service("mongodb://127.0.0.1:1/")
    service.hubspot.stop()
    asked: list[str] = []
    monkeypatch.setattr(Breaker, "admit", lambda _: asked.append("mongodb"))
    monkeypatch.setattr(Transport, "exchange", lambda *_, **__: asked.append("hubspot"))
    assert service.get("/healthz").status_code == 200
    assert asked == []


def test_stages_have_names_before_the_first_deal_is_read(service: Service) -> None:
    service.app.extensions["dealcache"].start()
    assert len(until(lambda: service.get(V2 + "stages").get_json())) == 11
    assert service.calls("pipelines") == 2  # those in use and archived ones
    assert {"deal", "by_name"} <= {index["name"] for index in service.database.deal_info.list_indexes()}


@pytest.mark.parametrize(
    ("public_url", "place"),
    [("", "/console/"), ("https://deals.example.com", "/console/"), ("https://example.com/deals", "/deals/console/")],
)
def test_the_root_leads_to_the_console(make_service: MakeService, public_url: str, place: str) -> None:
    service = make_service(PUBLIC_URL=public_url)
    for method in ("GET", "HEAD"):
        answer = service.request(method, "/")
        assert (answer.status_code, answer.headers["Location"]) == (302, place)


def test_without_the_console_there_is_no_start(make_service: MakeService) -> None:
    service = make_service(CONSOLE="off")
    for path in ("/", "/console/", "/console/deals"):
        assert_problem(service.request("GET", path), 404)
    assert service.get("/api/docs").status_code == 200
