"""The cost of a batch: as few calls to HubSpot as its limits allow, and at most four queries to MongoDB."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from math import ceil
from typing import Any

import pytest

from dealcache.model.deals import ENGAGEMENT_TYPES
from dealcache.sandbox.simulator import Dataset, Limits, Simulator
from tests.clocks import ManualClock
from tests.integration.service.harness import TOKEN, MakeService, Service, running

ALL = ["info", "activities_count", "timeline"]
NO_CACHE = {"Cache-Control": "no-cache"}
ONCE = {"owners", "pipelines"}


@pytest.fixture
def strict(mongodb_uri: str, database_name: str) -> Iterator[Service]:
    """A service on an empty account that keeps all of HubSpot's limits, on a clock that stands still.

    So whatever a test does must stay within one second's searches and ten seconds' other calls.
    """
    clock = ManualClock(float(int(time.time())))
    with (
        Simulator(Dataset(), token=TOKEN, limits=Limits(), clock=clock) as hubspot,
        running(hubspot, mongodb_uri, database_name, clock) as service,
    ):
        yield service


def add_deals(service: Service, plan: Mapping[str, Mapping[str, int]]) -> None:
    """Deals by name, each with how many activities of each type."""
    data = service.hubspot.data
    for name, activities in plan.items():
        deal_id = data.add_deal(name)
        for kind, count in activities.items():
            for _ in range(count):
                data.add_activity(kind, deals=[deal_id])


def alike(names: Iterable[str], **activities: int) -> dict[str, dict[str, int]]:
    """The same plan for each of these deals."""
    return dict.fromkeys(names, activities)


def fewest(plan: Mapping[str, Mapping[str, int]], searches: int) -> dict[str, int]:
    """The fewest calls that these deals take: a page has 100 associations of each deal, a batch 100 activities."""
    by_kind = {kind: [activities.get(kind, 0) for activities in plan.values()] for kind in ENGAGEMENT_TYPES}
    return {
        "search": searches,
        "associations": sum(max(1, ceil(max(counts) / 100)) for counts in by_kind.values()),
        "batch_read": sum(ceil(sum(counts) / 100) for counts in by_kind.values()),
    }


def calls(service: Service) -> dict[str, int]:
    assert {call.status for call in service.hubspot.calls} <= {200, 207}
    return {kind: count for kind, count in service.hubspot.calls.counts().items() if kind not in ONCE}


def ask(service: Service, names: list[str], **more: Any) -> dict[str, Any]:
    response = service.batch(*names, **more)
    assert response.status_code == 200
    return response.get_json()


def test_a_hundred_cold_deals_with_ten_activities_each(strict: Service) -> None:
    plan = {f"Company {number} renewal": dict.fromkeys(ENGAGEMENT_TYPES, 1) | {"notes": 4} for number in range(100)}
    add_deals(strict, plan)
    body = ask(strict, list(plan))
    assert calls(strict) == fewest(plan, searches=1) == {"search": 1, "associations": 7, "batch_read": 10}
    assert {views["activities_count"]["count"] for views in body["deals"].values()} == {10}
    assert body["errors"] == {}


def test_one_deal_of_thousands_of_activities_among_small_ones(strict: Service) -> None:
    plan: dict[str, dict[str, int]] = {f"Small {number}": {"notes": 3, "calls": 1} for number in range(30)}
    plan |= {"Large": {"notes": 2_050, "emails": 1_010}, "Middle": {"notes": 150}, "Empty": {}}
    add_deals(strict, plan)
    body = ask(strict, list(plan))
    assert calls(strict) == fewest(plan, searches=1)
    counts = {name: views["activities_count"]["count"] for name, views in body["deals"].items()}
    assert counts == {name: sum(activities.values()) for name, activities in plan.items()}


def test_homonyms_in_any_number_are_pages_of_the_search(strict: Service) -> None:
    names = [f"Deal {number}" for number in range(50)]
    add_deals(strict, alike(names, notes=1))
    for number in range(449):
        strict.hubspot.data.add_deal("New deal" if number % 2 else "NEW DEAL")
    body = ask(strict, [*names, "New deal"])
    assert calls(strict) == {"search": 3, "associations": 7, "batch_read": 1}  # 499 deals are three pages
    assert len(body["deals"]["New deal"]["info"]["otherDealIds"]) == 448


def test_names_of_the_greatest_length_are_as_few_searches_as_their_characters_allow(strict: Service) -> None:
    names = [f"{number:02}".ljust(512, letter) for number, letter in zip(range(25), "xé長👍ü" * 5, strict=True)]
    add_deals(strict, alike(names))
    body = ask(strict, names)
    assert calls(strict) == {"search": 5, "associations": 7}
    assert list(body["deals"]) == names


def test_names_with_filters_of_their_own_are_five_in_a_search(strict: Service) -> None:
    names = [f"Straße {number}" for number in range(14)]
    plain = [f"Deal {number}" for number in range(80)]
    add_deals(strict, alike([*names, *plain]))
    body = ask(strict, [*names, *plain])
    assert calls(strict) == {"search": 3, "associations": 7}
    assert len(body["deals"]) == 94


def test_unknown_names_cost_a_few_searches_more(strict: Service) -> None:
    ask(strict, [f"Nobody {number}" for number in range(100)])
    # A hundred in one list, then with what may be around them, a hundred values in each search.
    assert calls(strict) == {"search": 4}
    strict.clock.tick(1)
    strict.hubspot.calls.clear()
    ask(strict, [f"Nöbody {number}" for number in range(5)])
    # In a list, each by itself, decomposed, and by their words.
    assert calls(strict) == {"search": 4}


def test_a_batch_of_one_costs_what_a_read_costs(strict: Service) -> None:
    plan = {"Acme": {"notes": 120, "calls": 3}}
    add_deals(strict, plan)
    ask(strict, ["Acme"])
    assert calls(strict) == fewest(plan, searches=1)


def queries(service: Service, names: list[str], **more: Any) -> Counter[str]:
    """Return how often each collection was asked while a batch was answered from MongoDB."""
    profile = service.database["system.profile"]
    service.database.command("profile", 0)
    service.database.drop_collection("system.profile")
    service.database.command("profile", 2)
    body = ask(service, names, headers=NO_CACHE, **more)
    service.database.command("profile", 0)
    assert len(body["deals"]) == len(names)
    asked = [one for one in profile.find({"op": {"$in": ["query", "command"]}}) if "system." not in one["ns"]]
    assert {one.get("planSummary", "").partition(" ")[0] for one in asked if ".deal_" in one["ns"]} == {"IXSCAN"}
    # What syncs have reached, for the age of the data, is asked for some times a second, however much is read.
    return Counter(one["ns"].partition(".")[2] for one in asked if not one["ns"].endswith(".sync_state"))


@pytest.mark.parametrize("count", [1, 100])
def test_mongodb_is_asked_once_for_deals_and_once_for_their_events(make_service: MakeService, count: int) -> None:
    service = make_service()
    names = [f"Deal {number}" for number in range(count)]
    add_deals(service, alike(names, notes=2, emails=1))
    ask(service, names)
    once = {"deal_info": 1, "deal_timeline": 1}
    assert queries(service, names) == once
    assert queries(service, names, include=ALL) == once
    assert queries(service, names, include=["timeline"]) == once


def test_what_memory_lacks_in_part_is_at_most_three_queries(make_service: MakeService) -> None:
    service = make_service()
    names = [f"Deal {number}" for number in range(20)]
    add_deals(service, alike(names, notes=2))
    ask(service, names)
    service.clear()
    for number, name in enumerate(names[:15]):
        service.get(("deal-timeline", "deal-info", "deal-activities-count")[number % 3], dealName=name)
    service.database.command("profile", 2)
    body = ask(service, names, include=ALL)
    service.database.command("profile", 0)
    asked = service.database["system.profile"].find({"ns": {"$regex": "deal_"}, "op": {"$in": ["query", "command"]}})
    assert Counter(one["ns"].partition(".")[2] for one in asked) == {"deal_info": 1, "deal_timeline": 2}
    assert len(body["deals"]) == 20


def test_a_hundred_deals_in_memory_ask_nobody(make_service: MakeService) -> None:
    service = make_service()
    names = [f"Deal {number}" for number in range(100)]
    add_deals(service, alike(names))
    ask(service, names)
    service.hubspot.calls.clear()
    service.database.command("profile", 2)
    ask(service, names)
    service.database.command("profile", 0)
    assert service.database["system.profile"].count_documents({"ns": {"$regex": "deal_"}}) == 0
    assert service.calls() == 0
