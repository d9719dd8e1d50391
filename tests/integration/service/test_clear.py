"""Clearing the cache, also while it is being filled, and looking into it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from dealcache.sandbox.simulator import demo_deal_id
from tests.integration.service.harness import ACME, VIEWS, MakeService, Service, assert_problem, tier
from tests.relay import Relay
from tests.waiting import until

ACME_ID = demo_deal_id(ACME)


@pytest.fixture
def filled(service: Service) -> Service:
    """A service that has read "Acme renewal" by name and by id, and the deal "Other" by name."""
    service.hubspot.data.add_deal("Other")
    service.get("deal-info", dealName=ACME)
    for view in VIEWS:
        service.get(view, dealId=ACME_ID)
    service.get("deal-info", dealName="Other")
    return service


def tiers(service: Service) -> tuple[str, str, str]:
    """Return which tier answers for each of the three ways to read."""
    ways = ({"dealName": ACME}, {"dealId": ACME_ID}, {"dealName": "Other"})
    return tuple(tier(service.get("deal-info", **way)) for way in ways)


def test_clearing_all_counts_the_different_keys_and_keeps_mongodb(filled: Service) -> None:
    calls = filled.calls()
    response = filled.request("DELETE", "clear-endpoint-cache")
    assert response.get_json() == {"message": "Successfully cleared endpoint cache", "entries_cleared": 6}
    assert tiers(filled) == ("mongodb", "mongodb", "mongodb")
    assert filled.calls() == calls
    assert filled.clear() == 2  # one view of each deal is cached again, one of them under two names
    assert filled.clear() == 0


@pytest.mark.parametrize(
    "how", [{"dealName": ACME}, {"dealName": " aCME RENEWAL "}, {"dealId": ACME_ID}], ids=["name", "other case", "id"]
)
def test_clearing_one_deal_clears_it_under_every_key_and_no_other(filled: Service, how: dict[str, str]) -> None:
    assert filled.clear(**how) == 3
    assert tiers(filled) == ("mongodb", "mongodb", "memory")


@pytest.mark.parametrize("how", [{"dealName": "Nobody's"}, {"dealId": "42"}], ids=["name", "id"])
def test_clearing_an_unknown_deal_clears_nothing(filled: Service, how: dict[str, str]) -> None:
    assert filled.clear(**how) == 0
    assert tiers(filled) == ("memory", "memory", "memory")


@pytest.mark.parametrize("mistyped", ["name", "dealname", "dealName[$ne]"])
def test_a_mistyped_parameter_clears_nothing_instead_of_everything(filled: Service, mistyped: str) -> None:
    response = filled.request("DELETE", "clear-endpoint-cache", **{mistyped: ACME})
    assert mistyped in assert_problem(response, 422)["errors"]
    assert tiers(filled) == ("memory", "memory", "memory")


@pytest.mark.parametrize("how", [{"dealName": "Late"}, {}], ids=["name", "all"])
def test_a_remembered_404_is_cleared_too(service: Service, how: dict[str, str]) -> None:
    assert_problem(service.get("deal-info", dealName="Late"), 404)
    service.hubspot.data.add_deal("Late")
    service.clear(**how)
    assert tier(service.get("deal-info", dealName="Late")) == "hubspot"


@pytest.mark.parametrize("how", [{}, {"dealName": ACME}, {"dealId": ACME_ID}], ids=["all", "name", "id"])
@pytest.mark.parametrize("read", [{"dealName": ACME}, {"dealId": ACME_ID}], ids=["by name", "by id"])
def test_a_load_from_hubspot_under_way_does_not_come_back(
    service: Service, how: dict[str, str], read: dict[str, str]
) -> None:
    """The load may store what it read in MongoDB, where a sync corrects it, but no cache may keep it."""
    service.hubspot.latency = 0.1
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(service.get, "deal-info", **read)
        until(lambda: service.calls("associations") == 7)
        service.clear(**how)
        assert tier(reading.result()) == "hubspot"
    for view in VIEWS:
        assert tier(service.get(view, **read)) == "mongodb"


class Held:
    """Holds the first call of a function back, with its result in hand, until it is let go."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._first = threading.Lock()
        self.has_read = threading.Event()
        self.let_go = threading.Event()

    def __call__(self, *arguments: Any) -> Any:
        result = self._function(*arguments)
        if self._first.acquire(blocking=False):
            self.has_read.set()
            assert self.let_go.wait(60)
        return result


@pytest.mark.parametrize("how", [{}, {"dealName": ACME}, {"dealId": ACME_ID}], ids=["all", "name", "id"])
def test_a_load_from_mongodb_under_way_does_not_bring_the_old_value_back(
    service: Service, monkeypatch: pytest.MonkeyPatch, how: dict[str, str]
) -> None:
    service.get("deal-timeline", dealName=ACME)
    service.clear()
    events_of = service.parts.storage.timelines.events_of
    held = Held(lambda ids: list(events_of(ids)))
    monkeypatch.setattr(service.parts.storage.timelines, "events_of", held)
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(service.get, "deal-timeline", dealName=ACME)
        assert held.has_read.wait(60)
        service.database.deal_timeline.update_many({}, {"$set": {"subject": "new"}})
        service.clear(**how)
        # Nobody who asks after the clear joins the load that began before it.
        after = service.get("deal-timeline", dealName=ACME)
        assert {event["subject"] for event in after.get_json()["events"]} == {"new"}
        held.let_go.set()
        assert reading.result().status_code == 200
    kept = service.get("deal-timeline", dealName=ACME)
    assert {event["subject"] for event in kept.get_json()["events"]} == {"new"}


def test_a_clear_that_cannot_be_recorded_holds_here_and_says_so(
    make_service: MakeService, relay: Relay, relayed_uri: str
) -> None:
    service = make_service(relayed_uri)
    service.get("deal-info", dealName=ACME)
    relay.cut()
    response = service.request("DELETE", "clear-endpoint-cache")
    assert "3 keys" in assert_problem(response, 503)["detail"]
    assert int(response.headers["Retry-After"]) > 0
    assert tier(service.get("deal-info", dealName=ACME)) == "hubspot"


def test_stats_show_what_the_contract_shows(filled: Service) -> None:
    before = filled.get("cache-stats").get_json()
    filled.clock.tick(45.23)
    body = filled.get("deal-info", dealName=ACME).data
    stats = filled.get("cache-stats").get_json()
    assert set(stats) == {
        *("total_entries", "matching_entries", "cache_ttl_seconds", "entries", "hits", "misses", "hit_ratio"),
        *("size_bytes", "max_bytes", "evictions", "tiers"),
        *("scope", "workers", "workers_missing", "complete"),
    }
    assert (stats["scope"], stats["workers"], stats["workers_missing"], stats["complete"]) == ("group", 1, [], True)
    assert stats["total_entries"] == stats["matching_entries"] == 6
    assert stats["cache_ttl_seconds"] == 600
    assert (stats["max_bytes"], stats["evictions"]) == (268435456, 0)
    assert stats["tiers"] == {
        "memory": {"hits": before["tiers"]["memory"]["hits"] + 1},
        "redis": {"hits": 0},
        "mongodb": {"hits": 3},  # the three views by id, of a deal that had been read by name
        "hubspot": {"hits": 2},
    }
    assert (stats["hits"], stats["misses"]) == (1, 5)
    assert stats["hit_ratio"] == round(1 / 6, 4)
    by_key = {entry["key"]: entry for entry in stats["entries"]}
    views = ("activities_count", "timeline", "info")
    assert by_key.keys() == {f"{view}:{name}" for view in views for name in (ACME, "Other")}
    entry = by_key[f"info:{ACME}"]
    assert set(entry) == {"key", "deal_id", "age_seconds", "time_remaining_seconds", "is_expired", "size_bytes", "hits"}
    assert entry["deal_id"] == ACME_ID
    assert entry["age_seconds"] == 45.23
    assert 600 * 0.95 - 45.23 < entry["time_remaining_seconds"] <= 600 - 45.23
    assert entry["is_expired"] is False
    assert entry["size_bytes"] >= len(body)
    assert entry["hits"] == 1
    assert stats["size_bytes"] == sum(entry["size_bytes"] for entry in stats["entries"])


def test_stats_show_entries_kept_for_bad_times_as_expired(filled: Service) -> None:
    filled.clock.tick(601)
    stats = filled.get("cache-stats").get_json()
    assert stats["total_entries"] == 6
    for entry in stats["entries"]:
        assert (entry["is_expired"], entry["time_remaining_seconds"], entry["age_seconds"]) == (True, 0.0, 601.0)


def test_stats_can_be_narrowed(filled: Service) -> None:
    def keys(**query: str) -> list[str]:
        stats = filled.get("cache-stats", **query).get_json()
        assert stats["total_entries"] == 6
        return [entry["key"] for entry in stats["entries"]]

    assert len(keys()) == 6
    assert len(keys(limit="2")) == 2
    assert keys(limit="0") == []
    assert set(keys(prefix="timeline:")) == {f"timeline:{ACME}", "timeline:Other"}
    assert keys(prefix="timeline:Acme") == [f"timeline:{ACME}"]
    assert keys(prefix="timeline:", limit="1") == keys(prefix="timeline:")[:1]
    assert keys(prefix="nothing") == []
    for query in ({"limit": "-1"}, {"limit": "x"}, {"limit": "1.5"}, {"limit": ""}):
        assert_problem(filled.get("cache-stats", **query), 422)


def test_stats_count_failed_reads_as_misses(service: Service) -> None:
    service.hubspot.stop()
    service.get("deal-info", dealName=ACME)
    stats = service.get("cache-stats").get_json()
    assert (stats["hits"], stats["misses"], stats["hit_ratio"]) == (0, 1, 0.0)
    assert (stats["total_entries"], stats["entries"]) == (0, [])


def test_entries_are_sorted_and_come_page_by_page(filled: Service) -> None:
    def page(**query: str) -> tuple[list[str], str | None]:
        answer = filled.get("cache-stats", **query).get_json()
        return [entry["key"] for entry in answer["entries"]], answer.get("next_cursor")

    everything, cursor = page(sort="-key")
    assert (everything, cursor) == (sorted(everything, reverse=True), None)
    first, cursor = page(sort="-key", limit="4")
    assert cursor is not None
    assert (first, page(sort="-key", limit="1", cursor=cursor)[0]) == (everything[:4], everything[4:5])
    assert page(sort="-key", cursor=cursor) == (everything[4:], None)
    for changed in (cursor[:-1], cursor[1:], "x" + cursor, "bnVsbA", "W10", "W1tdXQ", "~", cursor + "=", "é"):
        problem = assert_problem(filled.get("cache-stats", sort="-key", cursor=changed), 422)
        assert "cursor" in problem["errors"]
    for other in ({"sort": "key"}, {"sort": "-key", "prefix": "info:"}, {"sort": "-key", "scope": "worker"}, {}):
        assert "cursor" in assert_problem(filled.get("cache-stats", cursor=cursor, **other), 422)["errors"]
    for sort in ("name", "--key", "", "Key", "-"):
        assert "sort" in assert_problem(filled.get("cache-stats", sort=sort), 422)["errors"]
