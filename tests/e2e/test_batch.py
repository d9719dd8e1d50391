"""A batch through gunicorn, as a client sends it."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from tests.e2e.programs import ACME, READ, Gunicorn, HubSpot, StartService
from tests.waiting import until

BATCH = "/api/hubspot/deals-batch"
ONCE = {"account", "owners", "pipelines"}


@pytest.fixture(scope="module")
def service(module_services: StartService) -> Gunicorn:
    """A service of two workers; each test has deals of its own."""
    return module_services(WEB_CONCURRENCY="2")


def post(service: Gunicorn, names: list[str], headers: dict[str, str] | None = None, **more: Any) -> requests.Response:
    body = {"deal_names": names} | more
    return requests.post(service.url + BATCH, json=body, headers=headers, timeout=60)


def test_a_hundred_cold_deals_come_in_few_calls_and_stay(service: Gunicorn, hubspot: HubSpot) -> None:
    names = [f"Batch {uuid.uuid4().hex} {number}" for number in range(99)]
    ids = hubspot.change(*({"do": "add_deal", "name": name} for name in names))
    hubspot.change(*({"do": "add_activity", "object_type": "notes", "deals": [one]} for one in ids))
    service.get(READ, dealName=ACME)  # owners and pipelines are known from now on
    hubspot.steer("DELETE", "calls")

    request_id = f"e2e-{uuid.uuid4()}"
    cold = post(service, [*names, "Nobody's"], {"X-Request-ID": request_id, "Accept-Encoding": "identity"})
    assert cold.status_code == 200
    body = cold.json()
    assert [views["info"]["dealId"] for views in body["deals"].values()] == ids
    assert {views["activities_count"]["count"] for views in body["deals"].values()} == {1}
    assert {name: error["status"] for name, error in body["errors"].items()} == {"Nobody's": 404}
    calls = {kind: count for kind, count in hubspot.calls().items() if kind not in ONCE}
    # Each name has 41 characters; the unknown one is searched once more, by its words.
    assert calls == {"search": 3, "associations": 7, "batch_read": 1}

    # Whichever worker answers, nothing is asked of HubSpot again.
    for _ in range(6):
        again = post(service, names)
        assert again.json() == {"deals": body["deals"], "errors": {}}
        assert "hubspot" not in again.headers["Server-Timing"]
    assert hubspot.calls()["search"] == 3

    def logged() -> list[dict[str, Any]] | None:
        lines = [line for line in service.log() if line["request_id"] == request_id]
        return lines if len(lines) >= 2 else None

    line, access = sorted(until(logged), key=lambda one: "remote" in one)
    assert (line["deals"], line["failed"], line["tiers"]) == (100, 0, {"hubspot": 200})
    assert (access["method"], access["status"], access["target"]) == ("POST", 200, BATCH)


def test_each_deal_of_batches_that_come_at_once_is_loaded_once_for_all_workers(
    service: Gunicorn, hubspot: HubSpot
) -> None:
    names = [f"Batch {uuid.uuid4().hex} {number}" for number in range(50)]
    ids = hubspot.change(*({"do": "add_deal", "name": name} for name in names))
    service.get_from_each(READ, dealName=ACME)  # owners and pipelines are known in both workers from now on
    hubspot.steer("DELETE", "calls")
    hubspot.steer("PATCH", "settings", latency=0.5)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: post(service, names), range(8)))
    for answer in answers:
        assert answer.status_code == 200
        assert [views["info"]["dealId"] for views in answer.json()["deals"].values()] == ids
    # When two workers come for them at the same moment each may get some of the deals; none is loaded by both.
    assert hubspot.calls()["search"] <= 2
    assert hubspot.inputs("associations") == 7 * len(names)


@pytest.mark.long
def test_the_longest_batch_passes(service: Gunicorn, hubspot: HubSpot) -> None:
    names = [f"{number:03}".ljust(512, "漢") for number in range(100)]
    hubspot.change({"do": "add_deal", "name": names[7]})
    response = post(service, names, include=["timeline"])
    assert response.status_code == 200
    assert (list(response.json()["deals"]), len(response.json()["errors"])) == ([names[7]], 99)
