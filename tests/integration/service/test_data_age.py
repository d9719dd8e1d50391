"""The age of data: what answers say about it in every tier, and what happens when it is too old."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from werkzeug.test import TestResponse

from dealcache.sandbox.simulator import Fault, demo_deal_id
from tests.integration.service.harness import ACME, V2, VIEWS, MakeService, Service, cache_status, tier
from tests.waiting import until

BY_NAME = {"dealName": ACME}
BY_ID = {"dealId": demo_deal_id(ACME)}
NO_CACHE = {"Cache-Control": "no-cache"}
HOUR = 3600


def as_of(response: TestResponse) -> float:
    """Return what an answer says of the age of its data, in epoch seconds."""
    return datetime.strptime(response.headers["X-Data-As-Of"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()


def outcomes(service: Service) -> dict[str, int]:
    """Return the outcomes of re-reads that there were."""
    found = re.findall(r'dealcache_rereads_total{outcome="(.*)"} (.*)', service.parts.metrics.render().decode())
    return {name: int(float(count)) for name, count in found if float(count)}


def told(service: Service) -> list[Any]:
    """Return the changes that were announced to all processes since the service is there."""
    return list(service.database.invalidations.find({}))


def test_each_tier_and_each_kind_of_answer_says_the_same(service: Service) -> None:
    began = service.clock()
    loaded = service.get("deal-info", **BY_NAME)
    assert (tier(loaded), as_of(loaded)) == ("hubspot", began)
    service.clock.tick(100)
    for view in VIEWS:
        assert as_of(service.get(view, NO_CACHE, **BY_ID)) == began
        hit = service.get(view, **BY_ID)
        assert (tier(hit), as_of(hit)) == ("memory", began)
        unmodified = service.get(view, {"If-None-Match": hit.headers["ETag"]}, **BY_ID)
        assert (unmodified.status_code, as_of(unmodified)) == (304, began)
        stored = service.get(V2 + view, **BY_NAME)
        assert as_of(stored) == began
        unmodified = service.get(V2 + view, {"If-None-Match": stored.headers["ETag"]}, **BY_NAME)
        assert (unmodified.status_code, as_of(unmodified)) == (304, began)
    assert as_of(service.get("deal-timeline", limit="3", **BY_NAME)) == began
    assert as_of(service.get(V2 + "deal-timeline", limit="3", **BY_NAME)) == began
    (deal,) = service.batch(ACME).get_json()["deals"].values()
    assert deal["as_of"] == loaded.headers["X-Data-As-Of"]
    for path in ("deal-info", V2 + "deal-info"):
        assert "X-Data-As-Of" not in service.get(path, dealName="Nobody").headers
    assert as_of(service.get("deal-info", refresh="true", **BY_NAME)) == began + 100


def test_a_value_takes_it_along_through_redis(make_service: MakeService, redis_url: str) -> None:
    one, other = make_service(REDIS_URL=redis_url), make_service(REDIS_URL=redis_url)
    loaded = one.get("deal-info", **BY_NAME)
    other.parts.publisher.catch_up()  # as its follower does at once
    one.clock.tick(5)
    shared = other.get("deal-info", **BY_NAME)
    assert (tier(shared), as_of(shared)) == ("redis", as_of(loaded))


def test_an_old_deal_is_answered_at_once_and_read_again_behind(make_service: MakeService) -> None:
    service = make_service(MAX_DATA_AGE_SECONDS=str(HOUR))
    service.get("deal-info", **BY_NAME)
    service.clock.tick(HOUR + 1)
    service.hubspot.data.update("deals", BY_ID["dealId"], {"amount": "77"})
    service.clock.tick(1)
    began, announced, calls = service.clock(), len(told(service)), service.calls()
    old = service.get("deal-info", **BY_NAME)
    assert cache_status(old) == {"memory": "fwd=stale", "mongodb": "hit; detail=revalidating"}
    assert old.get_json()["amount"] != 77
    until(lambda: outcomes(service) == {"refreshed": 1})
    for path in ("deal-info", V2 + "deal-info"):
        for how in (BY_NAME, BY_ID):
            new = service.get(path, **how)
            assert (new.get_json()["amount"], as_of(new)) == (77, began)
            assert "revalidating" not in new.headers.get("Cache-Status", "")
    assert len(told(service)) > announced
    assert service.calls() > calls


def test_a_deal_that_has_not_changed_is_as_young_as_its_last_reading(make_service: MakeService) -> None:
    service = make_service(MAX_DATA_AGE_SECONDS=str(HOUR))
    etag = service.get("deal-info", **BY_NAME).headers["ETag"]
    service.clock.tick(HOUR + 1)
    (deal,) = service.batch(ACME, include=["info", "timeline"]).get_json()["deals"].values()
    assert deal["as_of"] is not None
    until(lambda: outcomes(service) == {"refreshed": 1})
    young = service.get("deal-info", **BY_NAME)
    assert (young.headers["ETag"], as_of(young)) == (etag, service.clock())


def test_what_is_served_from_memory_or_by_v2_is_not_looked_at(make_service: MakeService) -> None:
    service = make_service(MAX_DATA_AGE_SECONDS="60")
    service.get("deal-info", **BY_NAME)
    calls = service.calls()
    service.clock.tick(61)
    assert cache_status(service.get("deal-info", **BY_NAME))["memory"].startswith("hit; ttl=")
    assert "Cache-Status" not in service.get(V2 + "deal-info", **BY_NAME).headers
    assert (outcomes(service), service.calls()) == ({}, calls)


@pytest.mark.parametrize("redis", [False, True])
def test_one_process_of_several_reads_it(make_service: MakeService, redis_url: str, redis: bool) -> None:
    environ = {"MAX_DATA_AGE_SECONDS": str(HOUR)} | ({"REDIS_URL": redis_url} if redis else {})
    services = [make_service(**environ) for _ in range(3)]
    services[0].get("deal-info", **BY_NAME)
    services[0].clock.tick(HOUR + 1)
    services[0].hubspot.calls.clear()
    answers = services[0].together(3, lambda number: services[number].get("deal-timeline", **BY_NAME))
    assert all("revalidating" in answer.headers["Cache-Status"] for answer in answers)
    until(lambda: sum(sum(outcomes(service).values()) for service in services) == 3)
    assert sum(outcomes(service).get("refreshed", 0) for service in services) == 1


def test_hubspot_down_makes_no_storm_and_the_old_value_goes_on(make_service: MakeService) -> None:
    service = make_service(MAX_DATA_AGE_SECONDS=str(HOUR))
    service.get("deal-info", **BY_NAME)
    service.clock.tick(HOUR + 1)
    service.hubspot.faults.add(Fault(".", 503))
    service.hubspot.calls.clear()
    for _ in range(50):
        answer = service.get("deal-info", NO_CACHE, **BY_NAME)
        assert cache_status(answer)["mongodb"] == "hit; detail=revalidating"
        service.clock.tick(0.5)
    until(lambda: outcomes(service).get("failed") == 1)
    calls = service.calls()
    assert calls < 20
    service.hubspot.faults.clear()
    service.clock.tick(20)
    service.get("deal-info", NO_CACHE, **BY_NAME)  # not yet
    assert service.calls() == calls
    service.clock.tick(30)
    service.get("deal-info", NO_CACHE, **BY_NAME)
    until(lambda: outcomes(service).get("refreshed") == 1)


@pytest.mark.parametrize("away", ["archived", "merged"])
def test_a_deal_that_hubspot_has_no_longer(make_service: MakeService, away: str) -> None:
    service = make_service(MAX_DATA_AGE_SECONDS=str(HOUR))
    data = service.hubspot.data
    service.get("deal-info", **BY_ID)
    service.clock.tick(HOUR + 1)
    if away == "archived":
        data.archive("deals", BY_ID["dealId"])
    else:
        heir = data.add_deal("Heir")
        data.merge("deals", heir, BY_ID["dealId"])
    service.clock.tick(1)
    assert service.get("deal-info", **BY_ID).status_code == 200
    until(lambda: sum(outcomes(service).values()) == 1)
    after = service.get("deal-info", **BY_ID)
    assert (after.status_code, after.get_json().get("dealName")) == (
        (404, None) if away == "archived" else (200, "Heir")
    )


def test_an_old_value_in_redis_gives_way_to_what_mongodb_knows(make_service: MakeService, redis_url: str) -> None:
    environ = {"REDIS_URL": redis_url, "CACHE_TTL_SECONDS": "7200", "MAX_DATA_AGE_SECONDS": str(HOUR)}
    one, other = make_service(**environ), make_service(**environ)
    one.get("deal-info", **BY_NAME)
    one.clock.tick(HOUR + 1)
    # What a sync that ended well leaves behind.
    now = datetime.fromtimestamp(one.clock(), UTC)
    one.database.sync_state.insert_one({"_id": "account", "watermark": now})
    other.parts.publisher.catch_up()
    calls = one.calls()
    old = other.get("deal-info", **BY_NAME)
    assert cache_status(old) == {"memory": "fwd=miss", "redis": "hit; detail=revalidating"}
    until(lambda: outcomes(other) == {"unneeded": 1})
    young = other.get("deal-info", **BY_NAME)
    assert (tier(young), as_of(young)) == ("mongodb", other.clock())
    assert other.calls() == calls
