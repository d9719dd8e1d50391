"""Which tier answers, what the headers say of it, and that every tier says the same."""

from __future__ import annotations

import math
import re
from collections import Counter

import pytest

from dealcache.sandbox.simulator import activities_of, demo_deal_id
from tests.integration.service.harness import ACME, V2, VIEWS, MakeService, Service, bodies, cache_status, tier

TIMING = re.compile(r"(\w+);dur=\d+\.\d+")


def test_a_cold_read_comes_from_hubspot_and_says_whom_it_asked(service: Service) -> None:
    response = service.get("deal-timeline", dealName=ACME)
    assert tier(response) == "hubspot"
    assert cache_status(response) == {"memory": "fwd=miss", "mongodb": "fwd=miss", "hubspot": "hit"}
    assert TIMING.findall(response.headers["Server-Timing"]) == ["memory", "mongodb", "hubspot"]
    assert response.headers["Cache-Control"] == "private, no-cache"
    assert response.headers["Age"] == "0"
    assert response.headers["Content-Type"] == "application/json"
    assert re.fullmatch(r'"[!-~]+"', response.headers["ETag"])


def test_a_warm_read_comes_from_memory_with_its_age_and_the_time_that_is_left(service: Service) -> None:
    service.get("deal-info", dealName=ACME)
    service.clock.tick(45.9)
    response = service.get("deal-info", dealName=ACME)
    assert tier(response) == "memory"
    assert response.headers["Age"] == "45"
    assert TIMING.findall(response.headers["Server-Timing"]) == ["memory"]
    hit, ttl = cache_status(response)["memory"].split("; ")
    assert hit == "hit"
    # A few per cent of jitter, which only ever shortens.
    assert math.floor(600 * 0.95 - 45.9) <= int(ttl.removeprefix("ttl=")) <= math.floor(600 - 45.9)


def test_a_value_lives_for_its_time_however_often_it_is_read(service: Service) -> None:
    service.get("deal-info", dealName=ACME)
    for _ in range(11):
        service.clock.tick(50)
        assert tier(service.get("deal-info", dealName=ACME)) == "memory"
    service.clock.tick(50)
    response = service.get("deal-info", dealName=ACME)
    assert tier(response) == "mongodb"
    assert list(cache_status(response)) == ["memory", "mongodb"]
    assert cache_status(response)["memory"] == "fwd=stale"
    assert response.headers["Age"] == "0"
    assert tier(service.get("deal-info", dealName=ACME)) == "memory"
    assert service.calls("search") == 1


def test_a_setting_decides_how_long_a_value_lives(make_service: MakeService) -> None:
    service = make_service(CACHE_TTL_SECONDS="10")
    service.get("deal-info", dealName=ACME)
    service.clock.tick(9.5)
    assert tier(service.get("deal-info", dealName=ACME)) == "memory"
    service.clock.tick(0.5)
    assert tier(service.get("deal-info", dealName=ACME)) == "mongodb"


@pytest.mark.parametrize("wish", ["no-cache", "No-Cache", "max-age=0, no-cache"])
def test_no_cache_skips_memory_and_asks_mongodb(service: Service, wish: str) -> None:
    service.get("deal-timeline", dealName=ACME)
    service.database.deal_timeline.update_many({}, {"$set": {"subject": "changed in MongoDB"}})
    calls = service.calls()
    response = service.get("deal-timeline", {"Cache-Control": wish}, dealName=ACME)
    assert tier(response) == "mongodb"
    assert cache_status(response) == {"memory": "fwd=request", "mongodb": "hit"}
    assert {event["subject"] for event in response.get_json()["events"]} == {"changed in MongoDB"}
    # What it has read is the newest there is: memory keeps it.
    after = service.get("deal-timeline", dealName=ACME)
    assert (tier(after), after.data) == ("memory", response.data)
    assert service.calls() == calls


def test_no_cache_goes_on_to_hubspot_for_a_deal_that_mongodb_does_not_know(service: Service) -> None:
    assert tier(service.get("deal-info", {"Cache-Control": "no-cache"}, dealName=ACME)) == "hubspot"


def test_another_worker_finds_in_mongodb_what_the_first_has_read(make_service: MakeService) -> None:
    first, second = make_service(), make_service()
    cold = [first.get(view, dealName=ACME) for view in VIEWS]
    calls = first.calls()
    for view, known in zip(VIEWS, cold, strict=True):
        response = second.get(view, dealName=ACME)
        assert (tier(response), response.data) == ("mongodb", known.data)
        assert response.headers["ETag"] == known.headers["ETag"]
    assert first.calls() == calls


@pytest.mark.parametrize("how", [{"dealName": ACME}, {"dealId": demo_deal_id(ACME)}], ids=["name", "id"])
@pytest.mark.parametrize("view", VIEWS)
def test_every_tier_gives_the_same_bytes(make_service: MakeService, view: str, how: dict[str, str]) -> None:
    service = make_service()
    answers = [
        service.get(view, **how),
        service.get(view, **how),
        service.get(view, {"Cache-Control": "no-cache"}, **how),
        service.get(view, refresh="true", **how),
    ]
    assert [tier(answer) for answer in answers] == ["hubspot", "memory", "mongodb", "hubspot"]
    answers.append(service.get(V2 + view, **how))
    assert len(bodies(answers)) == 1
    assert len({answer.headers["ETag"] for answer in answers}) == 1


@pytest.mark.parametrize("how", [{"dealName": ACME}, {"dealId": demo_deal_id(ACME)}], ids=["name", "id"])
def test_three_views_cost_one_load(service: Service, how: dict[str, str]) -> None:
    tiers = [tier(service.get(view, **how)) for view in VIEWS]
    assert tiers == ["hubspot", "memory", "memory"]
    counts = service.hubspot.calls.counts()
    assert counts["search"] == 1
    assert counts["associations"] == 7
    # Seven batches of activities; by id the deal itself is one more.
    assert counts["batch_read"] == (7 if "dealName" in how else 8)
    assert counts["pipelines"] == 2  # likewise
    assert counts["owners"] == 2  # those who are there and those who have left


def test_three_views_at_once_cost_one_load(service: Service) -> None:
    service.hubspot.latency = 0.05
    answers = service.together(12, lambda number: service.get(VIEWS[number % 3], dealName=ACME))
    assert len(bodies(answers)) == 3
    assert service.calls("search") == 1


def test_a_large_deal_costs_a_call_per_hundred_and_nothing_per_activity(service: Service) -> None:
    data = service.hubspot.data
    deal_id = data.add_deal("Large")
    wanted = {"calls": 1, "emails": 250, "meetings": 100, "notes": 101}
    for kind, count in wanted.items():
        for _ in range(count):
            data.add_activity(kind, deals=[deal_id])
    service.get("deal-info", dealName=ACME)
    service.hubspot.calls.clear()
    assert service.get("deal-activities-count", dealName="Large").get_json()["count"] == 452
    by_type = Counter(one.type for one in activities_of(data, deal_id))
    assert by_type == wanted
    counts = service.hubspot.calls.counts()
    pages = sum(math.ceil(count / 100) for count in wanted.values())
    # A page of associations per hundred, one for each type without any; owners and pipelines are known by now.
    assert counts == {"search": 1, "associations": pages + 3, "batch_read": pages}


@pytest.mark.parametrize("view", VIEWS)
def test_a_client_that_has_the_body_gets_304(service: Service, view: str) -> None:
    known = service.get(view, dealName=ACME)
    etag = known.headers["ETag"]
    for wish in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        for headers in ({}, {"Cache-Control": "no-cache"}):
            response = service.get(view, {"If-None-Match": wish, **headers}, dealName=ACME)
            assert (response.status_code, response.data) == (304, b"")
            assert response.headers["ETag"] == etag
            assert response.headers["Cache-Control"] == "private, no-cache"
            assert "Content-Type" not in response.headers
    other = service.get(view, {"If-None-Match": '"other"'}, dealName=ACME)
    assert (other.status_code, other.data) == (200, known.data)
