"""Batches: every name answered as a read of it alone would be, from whichever tiers."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from werkzeug.test import TestResponse

from dealcache.sandbox.simulator import Simulator, demo_data, live_deals
from tests.clocks import ManualClock
from tests.integration.service.harness import ACME, TOKEN, V1, MakeService, Service, assert_problem, running

ALL = ["info", "activities_count", "timeline"]
PATHS = {"info": "deal-info", "activities_count": "deal-activities-count", "timeline": "deal-timeline"}
NO_CACHE = {"Cache-Control": "no-cache"}

#: Names that are hard to look up in a list: other scripts, doubtful small letters, white space, JSON's own characters.
ODD_NAMES = (
    "Müller & Söhne – Wartungsvertrag",
    "MÜLLER & SÖHNE – WARTUNGSVERTRAG",
    "東京電機 – 保守契約 2026",
    "Straße 12",
    "İstanbul ofisi",
    "ΟΔΟΣ ΕΡΜΟΥ",
    'a "quoted" \\ name; with=every+sign',
    "👩‍👩‍👧‍👦 family",
    "العقد رقم ٧",
    "長" * 512,
    "x" * 512,
    "$where",
)


def answered(response: TestResponse) -> dict[str, dict[str, Any]]:
    """The deals of a batch in which nothing failed."""
    assert response.status_code == 200, response.text
    assert response.content_type == "application/json"
    body = response.get_json()
    assert body["errors"] == {}
    return body["deals"]


def tiers_asked(response: TestResponse) -> list[str]:
    """The tiers in ``Server-Timing``, in order."""
    return [member.partition(";")[0].strip() for member in response.headers["Server-Timing"].split(",")]


def assert_as_alone(service: Service, deals: dict[str, dict[str, Any]]) -> None:
    """That each view is, to the byte, the body of a read of that deal alone."""
    for name, views in deals.items():
        for view, value in views.items():
            if view == "as_of":
                continue
            alone = service.get(PATHS[view], dealName=name)
            assert alone.status_code == 200
            assert orjson.dumps(value) == alone.data, (name, view)
            assert alone.headers["X-Data-As-Of"] == views["as_of"]


@pytest.fixture(scope="module")
def demo(mongodb_uri: str) -> Iterator[Service]:
    """A service on the demo account, which nobody changes."""
    clock = ManualClock(1_790_000_000.0)
    with (
        Simulator(demo_data(120), token=TOKEN, limits=None, clock=clock) as hubspot,
        running(hubspot, mongodb_uri, f"test_{uuid.uuid4().hex}", clock) as service,
    ):
        yield service


@pytest.fixture(scope="module")
def demo_names(demo: Service) -> list[str]:
    """A hundred names of its deals, among them some that several deals bear."""
    return list(dict.fromkeys(deal.properties["dealname"] or "" for deal in live_deals(demo.hubspot.data)))[:100]


def test_the_demo_account_is_the_same_from_every_tier_and_alone(demo: Service, demo_names: list[str]) -> None:
    cold = demo.batch(*demo_names, include=ALL)
    assert tiers_asked(cold) == ["memory", "mongodb", "hubspot"]
    warm, stored = demo.batch(*demo_names, include=ALL), demo.batch(*demo_names, include=ALL, headers=NO_CACHE)
    assert (tiers_asked(warm), tiers_asked(stored)) == (["memory"], ["memory", "mongodb"])
    deals = answered(cold)
    assert list(deals) == demo_names
    assert {tuple(views) for views in deals.values()} == {(*ALL, "as_of")}
    # The batch filled the cache, so that these are its own bytes; after a clear they are MongoDB's.
    assert_as_alone(demo, deals)
    demo.clear()
    assert_as_alone(demo, deals)
    assert cold.data == warm.data == stored.data


def test_without_timelines_mongodb_gives_the_same(demo: Service, demo_names: list[str]) -> None:
    whole = answered(demo.batch(*demo_names, include=ALL))
    for include in ([], ["info"], ["activities_count"], ["timeline", "info"]):
        wanted = {"include": include} if include else {}
        deals = answered(demo.batch(*demo_names, headers=NO_CACHE, **wanted))
        expected = include or ["info", "activities_count"]
        assert deals == {name: {view: views[view] for view in (*expected, "as_of")} for name, views in whole.items()}


def test_a_batch_finds_what_single_reads_find_and_no_other(service: Service) -> None:
    data = service.hubspot.data
    ids = {name: data.add_deal(name) for name in ODD_NAMES[:1] + ODD_NAMES[2:]}
    ids[ODD_NAMES[1]] = ids[ODD_NAMES[0]]  # the same in capitals
    for name in ("Another", "STRASSE", "istanbul", "x" * 511):
        data.add_deal(name)
    deals = answered(service.batch(*ODD_NAMES))
    assert {name: views["info"]["dealId"] for name, views in deals.items()} == ids
    service.clear()
    assert answered(service.batch(*ODD_NAMES)) == deals
    unknown = [f"{name[:500]} unknown" for name in ODD_NAMES]
    body = service.batch(*unknown).get_json()
    assert (body["deals"], set(body["errors"])) == ({}, set(unknown))


@pytest.mark.parametrize("stored", [False, True])
def test_names_in_another_case_mean_the_deal_that_they_mean_alone(service: Service, stored: bool) -> None:
    data = service.hubspot.data
    ids = []
    for name in ("twin deal", "TWIN DEAL", "Same", "Same", "SAME"):
        ids.append(data.add_deal(name))
        service.clock.tick(1)
    names = ["twin deal", "TWIN DEAL", "Twin Deal", "Same", "same", "SAME"]
    if stored:
        for name in names:
            service.get("deal-info", dealName=name)
        service.clear()
    deals = answered(service.batch(*names))
    chosen = {name: views["info"]["dealId"] for name, views in deals.items()}
    assert chosen == dict(zip(names, (ids[0], ids[1], ids[1], ids[3], ids[4], ids[4]), strict=True))
    assert deals["Same"]["info"]["otherDealIds"] == [ids[2], ids[4]]
    assert_as_alone(service, deals)


def test_each_key_of_the_answer_is_the_name_as_it_was_given(service: Service) -> None:
    given = [ACME, f"  {ACME}", f"{ACME} \u3000", ACME.upper(), ACME]
    deals = answered(service.batch(*given))
    assert list(deals) == list(dict.fromkeys(given))
    assert len({orjson.dumps(views) for views in deals.values()}) == 1
    assert service.calls("search") == 1
    assert {row["key"] for row in service.get("cache-stats").get_json()["entries"]} == {
        f"{view}:{name}" for view in ALL for name in (ACME, ACME.upper())
    }


def test_some_in_memory_some_in_mongodb_some_at_hubspot_some_nowhere(service: Service) -> None:
    names = [f"Deal {number}" for number in range(8)]
    for name in names:
        deal_id = service.hubspot.data.add_deal(name)
        service.hubspot.data.add_activity("notes", deals=[deal_id])
    for name in names[:4]:
        service.get("deal-info", dealName=name)
    service.clear()
    for name in names[:2]:
        service.get("deal-info", dealName=name)
        service.get("deal-activities-count", dealName=name)
    assert_problem(service.get("deal-info", dealName="Nobody's"), 404)
    service.hubspot.calls.clear()
    response = service.batch(*names, "Nobody's", "Nothing's")
    body = response.get_json()
    assert list(body["deals"]) == names
    assert body["errors"] == {
        name: {"status": 404, "detail": f'No deal of the name "{name}" is known.'} for name in ("Nobody's", "Nothing's")
    }
    assert (service.calls("search"), service.calls("associations"), service.calls("batch_read")) == (2, 7, 1)
    tiers = service.get("cache-stats").get_json()["tiers"]
    assert_as_alone(service, body["deals"])
    assert tiers["hubspot"]["hits"] == 4 + 1 + 2 * 5  # before the batch; then four deals and an unknown name


def test_a_deal_whose_activities_were_never_read_is_read_by_its_id_when_the_search_does_not_find_it(
    service: Service,
) -> None:
    data = service.hubspot.data
    padded = data.add_deal("  Padded deal ")  # HubSpot's search compares the whole value
    other = data.add_deal("Other")
    renamed = data.add_deal("Before")
    for deal_id in (padded, other, renamed):
        service.get("deal-info", dealId=deal_id)
    service.database.deal_info.update_many({}, {"$unset": {"timeline_synced_at": ""}})
    service.clock.tick(1)
    data.update("deals", renamed, {"dealname": "After"})
    data.archive("deals", other)
    service.clear()
    body = service.batch("Padded deal", "Other", "Before", "After").get_json()
    assert {name: views["info"]["dealId"] for name, views in body["deals"].items()} == {
        "Padded deal": padded,
        "After": renamed,
    }
    assert {name: error["status"] for name, error in body["errors"].items()} == {"Other": 404, "Before": 404}
    # MongoDB knows of it too.
    assert_problem(service.get("v2/deal-info", dealName="Other"), 404)
    assert_problem(service.get("v2/deal-info", dealName="Before"), 404)


def test_what_other_systems_wrote_is_shown(service: Service) -> None:
    deal_id = service.hubspot.data.add_deal("Watched")
    service.hubspot.data.add_activity("notes", deals=[deal_id])
    service.get("deal-info", dealName="Watched")
    service.database.deal_timeline.update_many({}, {"$set": {"sentiment": "calm"}})
    service.database.deal_info.update_many({}, {"$unset": {"timeline_synced_at": ""}})
    service.clear()
    response = service.batch("Watched", "Nobody's", include=["timeline"])
    assert tiers_asked(response)[-1] == "hubspot"
    (event,) = response.get_json()["deals"]["Watched"]["timeline"]["events"]
    assert event["sentiment"] == "calm"
    service.clear()
    assert_as_alone(service, response.get_json()["deals"])


def test_an_activity_that_two_deals_of_a_batch_share_is_stored_with_both(service: Service) -> None:
    ids = [service.hubspot.data.add_deal(name) for name in "ab"]
    service.hubspot.data.add_activity("notes", deals=ids)
    cold = answered(service.batch("a", "b", include=ALL))
    assert [views["info"]["activityCount"] for views in cold.values()] == [1, 1]
    assert answered(service.batch("a", "b", include=ALL, headers=NO_CACHE)) == cold


#: A body, the field that is wrong.
REFUSED: dict[str, tuple[Any, str]] = {
    "nothing": ({}, "deal_names"),
    "null": ({"deal_names": None}, "deal_names"),
    "a text": ({"deal_names": ACME}, "deal_names"),
    "an object": ({"deal_names": {"0": ACME}}, "deal_names"),
    "no name": ({"deal_names": []}, "deal_names"),
    "101 names": ({"deal_names": ["x"] * 101}, "deal_names"),
    "a number": ({"deal_names": [ACME, 7]}, "deal_names.1"),
    "an object as a name": ({"deal_names": [{"$ne": None}]}, "deal_names.0"),
    "a list as a name": ({"deal_names": [ACME, ACME, [ACME]]}, "deal_names.2"),
    "null as a name": ({"deal_names": [None]}, "deal_names.0"),
    "a boolean as a name": ({"deal_names": [True]}, "deal_names.0"),
    "blank": ({"deal_names": [ACME, " \u3000"]}, "deal_names.1"),
    "control": ({"deal_names": ["a\u0000b"]}, "deal_names.0"),
    "513 characters": ({"deal_names": ["x" * 513]}, "deal_names.0"),
    "nothing included": ({"deal_names": [ACME], "include": []}, "include"),
    "an unknown view": ({"deal_names": [ACME], "include": ["info", "owner"]}, "include.1"),
    "a view that is no text": ({"deal_names": [ACME], "include": [1]}, "include.0"),
    "include is a text": ({"deal_names": [ACME], "include": "info"}, "include"),
    "another field": ({"deal_names": [ACME], "views": ["info"]}, "views"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_meant_is_refused_with_the_field(shared: Service, name: str) -> None:
    body, field = REFUSED[name]
    response = shared.app.test_client().post(f"{V1}deals-batch", json=body)
    problem = assert_problem(response, 422)
    assert list(problem["errors"]) == [field]
    assert shared.calls() == 0


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b'{"deal_names": ["a"]}', "text/plain", 415),
        (b"deal_names=a", "application/x-www-form-urlencoded", 415),
        (b'{"deal_names": ["a"', "application/json", 422),
        (b'["a"]', "application/json", 422),
        (b"null", "application/json", 422),
        (b'{"deal_names": ["\\ud800"]}', "application/json", 422),
        (b'{"deal_names": ["\xff"]}', "application/json", 422),
        (b"", "application/json", 422),
        (b'{"deal_names": ["' + b"x" * 1_100_000 + b'"]}', "application/json", 413),
    ],
)
def test_what_is_no_json_object_is_refused(shared: Service, content: bytes, kind: str, status: int) -> None:
    response = shared.app.test_client().post(f"{V1}deals-batch", data=content, content_type=kind)
    assert_problem(response, status)
    assert shared.calls() == 0


def test_only_a_post_is_a_batch(shared: Service) -> None:
    assert_problem(shared.get("deals-batch"), 405)


def test_a_clear_reaches_what_a_batch_cached(service: Service) -> None:
    service.hubspot.data.add_deal("Other")
    answered(service.batch(ACME, "Other"))
    assert service.clear(dealName=ACME) == 3
    service.database.deal_info.update_one({"deal_name": ACME}, {"$set": {"amount": 7.0}})
    deals = answered(service.batch(ACME, "Other"))
    assert deals[ACME]["info"]["amount"] == 7.0


def test_a_batch_counts_each_view_and_writes_one_line(make_service: MakeService, caplog: Any) -> None:
    service = make_service()
    service.hubspot.data.add_deal("Other")
    before = service.get("cache-stats").get_json()
    with caplog.at_level("INFO", "dealcache.read"):
        service.batch(ACME, "Other", "Nobody's")
        service.batch(ACME, "Other", "Nobody's", include=ALL)
    lines = [record for record in caplog.records if record.name == "dealcache.read"]
    assert [record.fields["tiers"] for record in lines] == [{"hubspot": 6}, {"memory": 9}]
    assert [(record.fields["deals"], record.fields["failed"]) for record in lines] == [(3, 0), (3, 0)]
    stats = service.get("cache-stats").get_json()
    assert stats["tiers"]["hubspot"]["hits"] - before["tiers"]["hubspot"]["hits"] == 6
    assert stats["tiers"]["memory"]["hits"] - before["tiers"]["memory"]["hits"] == 9
    metrics = service.get("/metrics").text
    assert 'dealcache_reads_total{tier="memory",view="timeline"} 3.0' in metrics
    assert 'dealcache_requests_total{route="/api/hubspot/deals-batch",status="200"} 2.0' in metrics
