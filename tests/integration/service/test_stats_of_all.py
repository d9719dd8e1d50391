"""``cache-stats`` of several workers: two apps on one database, with and without Redis."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from dealcache.cluster import Membership
from tests.integration.service.harness import ACME, VIEWS, MakeService, Service, assert_problem
from tests.relay import Relay
from tests.waiting import until


def start(*services: Service) -> None:
    """Let them begin their background work, and wait until each knows of all."""
    for service in services:
        service.app.extensions["dealcache"].start()
    until(lambda: all(len(membership_of(service).find_others()) == len(services) - 1 for service in services))


def membership_of(service: Service) -> Membership:
    return service.app.extensions["dealcache"].membership


def stats(service: Service, **query: str) -> dict[str, Any]:
    response = service.get("cache-stats", **query)
    assert response.status_code == 200, response.text
    return response.get_json()


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Signs of life, and statistics with them, come every few milliseconds."""
    monkeypatch.setattr("dealcache.cluster.membership.SIGN_SECONDS", 0.02)
    monkeypatch.setattr("dealcache.cluster.cluster_statistics._CPU_SHARE", 1.0)
    monkeypatch.setattr("dealcache.cluster.cluster_statistics._RENEW_SECONDS", 0.5)


@pytest.fixture(params=["without Redis", "with Redis"])
def two(request: pytest.FixtureRequest, make_service: MakeService) -> tuple[Service, Service]:
    """Two services that know of each other: the first holds Acme, the second Acme and Other, which takes 11 reads.

    What one of them loads first, the other lets go as soon as it hears of it; so each waits for the other's news.
    """
    redis = {"REDIS_URL": request.getfixturevalue("redis_url")} if request.param == "with Redis" else {}
    first, second = make_service(**redis), make_service(**redis)
    start(first, second)
    first.hubspot.data.add_deal("Other")
    for service, name in ((first, ACME), (second, "Other")):
        service.get("deal-info", dealName=name)
    until(lambda: recorded(first) + recorded(second) == applied(first) == applied(second))
    for service, names in ((first, [ACME]), (second, [ACME, "Other"])):
        for name in names:
            for view in VIEWS:
                service.get(view, dealName=name)
        service.clock.tick(7)
    each = sum(stats(service, scope="worker")["hits"] for service in (first, second))
    until(lambda: all(stats(one)["complete"] and stats(one)["hits"] == each for one in (first, second)))
    tiers = tiers_of(first, second)
    until(lambda: all(hits_by_tier(stats(one)) == tiers for one in (first, second)))
    return first, second


def hits_by_tier(told: dict[str, Any]) -> Counter[str]:
    return Counter({tier: count["hits"] for tier, count in told["tiers"].items()})


def tiers_of(*services: Service) -> Counter[str]:
    """The hits of each tier in all services; what a service tells of another one may be two seconds old."""
    total = Counter[str]()
    for service in services:
        total.update(hits_by_tier(stats(service, scope="worker")))
    return total


def recorded(service: Service) -> float | None:
    return service.parts.metrics.registry.get_sample_value("dealcache_invalidations_recorded_total")


def applied(service: Service) -> float | None:
    return service.parts.metrics.registry.get_sample_value("dealcache_invalidations_applied_total")


def test_the_statistics_of_both_are_added_up_whoever_answers(two: tuple[Service, Service]) -> None:
    each = [stats(service, scope="worker") for service in two]
    assert [one["scope"] for one in each] == ["worker", "worker"]
    assert [(one["workers"], one["workers_missing"], one["complete"]) for one in each] == [(1, [], True)] * 2
    for service in two:
        together = stats(service)
        assert together["scope"] == "group"
        assert (together["workers"], together["workers_missing"], together["complete"]) == (2, [], True)
        for field in ("hits", "misses", "size_bytes", "max_bytes", "evictions"):
            assert together[field] == sum(one[field] for one in each), field
        assert together["hits"] + together["misses"] == 11
        assert together["hit_ratio"] == round(together["hits"] / 11, 4)
        for tier, count in together["tiers"].items():
            assert count["hits"] == sum(one["tiers"][tier]["hits"] for one in each)
        assert (together["total_entries"], len(together["entries"])) == (6, 6)


def test_what_both_hold_is_one_entry(two: tuple[Service, Service]) -> None:
    each = [{row["key"]: row for row in stats(service, scope="worker")["entries"]} for service in two]
    assert [len(one) for one in each] == [3, 6]
    for row in stats(two[0])["entries"]:
        held = [one[row["key"]] for one in each if row["key"] in one]
        assert row["age_seconds"] == min(one["age_seconds"] for one in held)
        assert row["size_bytes"] == sum(one["size_bytes"] for one in held)
        assert row["hits"] == sum(one["hits"] for one in held)


def test_prefix_and_limit_narrow_what_both_hold(two: tuple[Service, Service]) -> None:
    for service in two:
        rows = stats(service, prefix="info:")["entries"]
        assert {row["key"] for row in rows} == {f"info:{ACME}", "info:Other"}
        assert stats(service, prefix="info:", limit="1")["entries"] == rows[:1]
        narrowed = stats(service, prefix="nothing", limit="0")
        assert (narrowed["entries"], narrowed["total_entries"]) == ([], 6)


def test_a_scope_that_there_is_not_is_refused(service: Service) -> None:
    assert "scope" in assert_problem(service.get("cache-stats", scope="world"), 422)["errors"]


def test_a_clear_shows_in_the_statistics_of_all(two: tuple[Service, Service]) -> None:
    first, second = two
    first.clear(dealName="Other")
    left = {f"{view}:{ACME}" for view in stored()}
    assert {row["key"] for row in stats(first)["entries"]} == left
    until(lambda: {row["key"] for row in stats(second)["entries"]} == left)


def stored() -> tuple[str, ...]:
    return ("activities_count", "timeline", "info")


def test_a_worker_without_statistics_is_named_and_those_of_the_others_are_told(two: tuple[Service, Service]) -> None:
    first, second = two
    own = stats(first, scope="worker")
    second.app.extensions["dealcache"].stop()
    registry = first.database.workers
    registry.insert_one(
        {"_id": "dead", "host": "web-9", "pid": 4711, "answers": True, "seen_at": registry.find_one()["seen_at"]}
    )
    told = stats(first)
    assert (told["workers"], told["workers_missing"], told["complete"]) == (1, ["web-9-4711"], False)
    assert (told["total_entries"], told["hits"]) == (own["total_entries"], own["hits"])


def test_without_mongodb_a_worker_tells_its_own(make_service: MakeService, relay: Relay, relayed_uri: str) -> None:
    first, second = make_service(relayed_uri), make_service(relayed_uri)
    start(first, second)
    for service in (first, second):
        service.get("deal-info", dealName=ACME)
    until(lambda: stats(first)["workers"] == 2)
    own = stats(first, scope="worker")
    relay.cut()
    told = stats(first)
    assert (told["scope"], told["workers"], told["complete"]) == ("group", 1, False)
    assert told["workers_missing"] == [membership_of(second).worker.shown]
    assert {name: told[name] for name in ("total_entries", "hits", "misses", "tiers")} == {
        name: own[name] for name in ("total_entries", "hits", "misses", "tiers")
    }
    relay.mend()
    until(lambda: stats(first)["workers"] == 2)
    until(lambda: stats(first)["complete"])
