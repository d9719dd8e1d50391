"""Batches: each tier asked once for all names, each name answered by the rules of a single read."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import orjson
import pytest

from dealcache.hubspot.errors import Unauthorised, Unavailable
from dealcache.model.invalidation import INFO, Changes, Selection
from dealcache.reader.answers import Mode, TierOutcome
from dealcache.reader.bulkhead import BulkheadFullError
from dealcache.reader.single_flight import FlightTimeoutError
from dealcache.repositories import StoreUnavailable
from dealcache.tiers import CacheKey, View
from tests.listings import rows_of
from tests.unit.reader.stands import Stand, named, version_of

BOTH = (View.INFO, View.ACTIVITIES_COUNT)


def read(stand: Stand, *names: str, views=BOTH, mode=Mode.DEFAULT):
    return stand.reader.read_many([named(name) for name in names], views, mode)


def shown(answer):
    """For each answered name the version, 0 for an unknown deal, and the tiers that its views come from."""
    return {
        key.value: (
            {orjson.loads(one.entry.body)["version"] if one.entry.body else 0 for one in values.values()}.pop(),
            *[one.tier for one in values.values()],
        )
        for key, values in answer.values.items()
    }


def steps(answer) -> list[tuple[str, TierOutcome]]:
    return [(step.tier, step.outcome) for step in answer.trace.steps]


def test_each_tier_answers_what_it_can_and_is_asked_once():
    stand = Stand()
    stand.mongodb.versions |= {"warm": 1, "stored": 2}
    stand.hubspot.versions |= {"cold": 3, "colder": 4}
    for view in View:
        stand.reader.read(view, named("warm"))
    stand.mongodb.batches.clear()
    answer = read(stand, "warm", "stored", "cold", "colder", "nobody")
    assert shown(answer) == {
        "warm": (1, "memory", "memory"),
        "stored": (2, "mongodb", "mongodb"),
        "cold": (3, "hubspot", "hubspot"),
        "colder": (4, "hubspot", "hubspot"),
        "nobody": (0, "hubspot", "hubspot"),
    }
    assert answer.failures == {}
    assert steps(answer) == [("memory", TierOutcome.MISS), ("mongodb", TierOutcome.MISS), ("hubspot", TierOutcome.HIT)]
    assert stand.mongodb.batches[0] == {named(name): [*BOTH] for name in ("stored", "cold", "colder", "nobody")}
    assert stand.hubspot.batches == [["cold", "colder", "nobody"]]
    again = read(stand, "warm", "stored", "cold", "colder", "nobody", views=BOTH)
    assert {tier for _, *tiers in shown(again).values() for tier in tiers} == {"memory"}
    assert steps(again) == [("memory", TierOutcome.HIT)]


def test_what_a_batch_brings_is_kept_as_single_reads_keep_it():
    stand = Stand()
    stand.mongodb.versions["stored"] = 1
    stand.hubspot.versions["cold"] = 2
    read(stand, "stored", "cold", "nobody", views=[View.INFO])
    for view in View:  # a load from HubSpot brings all three, and so does the news that there is no such deal
        assert stand.reader.read(view, named("cold")).tier == "memory"
        assert stand.reader.read(view, named("nobody")).entry.status == 404
    assert stand.reader.read(View.INFO, named("stored")).tier == "memory"
    assert stand.reader.read(View.TIMELINE, named("stored")).tier == "mongodb"
    assert stand.hubspot.loads == 2


def test_only_the_views_that_are_lacking_are_asked_of_mongodb():
    stand = Stand()
    stand.mongodb.versions["Acme"] = 1
    stand.reader.read(View.INFO, named())
    stand.mongodb.batches.clear()
    answer = read(stand, "Acme", views=list(View))
    assert {view: one.tier for view, one in answer.values[named()].items()} == {
        View.INFO: "memory",
        View.ACTIVITIES_COUNT: "mongodb",
        View.TIMELINE: "mongodb",
    }
    assert stand.mongodb.batches == [{named(): [View.ACTIVITIES_COUNT, View.TIMELINE]}]


def test_hits_are_counted_for_each_view():
    stand = Stand()
    stand.mongodb.versions["Acme"] = 1
    for _ in range(3):
        read(stand, "Acme")
    assert {row.key: row.hits for row in rows_of(stand.memory)} == {"info:Acme": 2, "activities_count:Acme": 2}


def test_a_name_that_is_remembered_as_unknown_is_asked_of_nobody():
    stand = Stand()
    stand.reader.read(View.INFO, named("nobody"))
    stand.mongodb.batches.clear()
    answer = read(stand, "nobody", views=list(View))
    assert {one.entry.status for one in answer.values[named("nobody")].values()} == {404}
    assert stand.mongodb.batches == []


def test_news_that_a_deal_is_unknown_counts_for_all_its_views():
    stand = Stand()
    unknown = stand.mongodb.maker.unknown(named("nobody"), stand.clock())
    stand.cache.keep(CacheKey.of(View.INFO, named("nobody")), unknown, stand.cache.fence.token())
    answer = read(stand, "nobody", views=list(View))
    assert [one.entry.status for one in answer.values[named("nobody")].values()] == [404] * 3
    assert stand.mongodb.batches == []


def test_a_fresh_value_is_served_once_and_takes_nobodys_turn_to_try_again():
    stand = Stand()
    stand.mongodb.versions["Acme"] = 1
    read(stand, "Acme")
    stand.fail_safe.failed(named())
    stand.clock.tick(10)
    read(stand, "Acme")
    assert {row.hits for row in rows_of(stand.memory)} == {1}
    assert not stand.fail_safe.should_serve_stale(named())


def test_no_cache_skips_memory_and_refills_it():
    stand = Stand()
    stand.mongodb.versions["Acme"] = 1
    read(stand, "Acme")
    stand.mongodb.versions["Acme"] = 2
    stand.clock.tick(1)
    answer = read(stand, "Acme", mode=Mode.NO_CACHE)
    assert shown(answer) == {"Acme": (2, "mongodb", "mongodb")}
    assert steps(answer)[0] == ("memory", TierOutcome.BYPASS)
    assert shown(read(stand, "Acme")) == {"Acme": (2, "memory", "memory")}


def test_no_cache_loads_what_memory_holds_and_mongodb_does_not():
    stand = Stand()
    stand.hubspot.versions["Acme"] = 1
    read(stand, "Acme")
    del stand.mongodb.versions["Acme"]
    stand.hubspot.versions["Acme"] = 2
    stand.clock.tick(1)
    assert shown(read(stand, "Acme", mode=Mode.NO_CACHE)) == {"Acme": (2, "hubspot", "hubspot")}


def test_what_another_thread_has_brought_meanwhile_is_not_loaded_again():
    stand = Stand()
    stand.hubspot.stored = False  # so that memory alone has it
    stand.hubspot.versions |= {"a": 1, "b": 2}

    def bring() -> None:
        stand.mongodb.before_answer = lambda: None
        stand.reader.read(View.TIMELINE, named("a"))

    stand.mongodb.before_answer = bring
    assert {name: version for name, (version, *_) in shown(read(stand, "a", "b")).items()} == {"a": 1, "b": 2}
    assert stand.hubspot.batches == [["a"], ["b"]]


def test_deals_whose_activities_were_never_fetched_are_fetched_with_the_ids_that_mongodb_knows():
    stand = Stand()
    stand.mongodb.unsynced.add("Acme")
    stand.hubspot.versions |= {"Acme": 1, "Other": 2}
    assert shown(read(stand, "Acme", "Other")) == {
        "Acme": (1, "hubspot", "hubspot"),
        "Other": (2, "hubspot", "hubspot"),
    }
    assert stand.hubspot.known_ids == [("id-Acme",), ()]


def test_one_name_fails_and_the_others_do_not():
    stand = Stand()
    stand.hubspot.versions |= {"a": 1, "b": 2, "c": 3}
    stand.hubspot.failing["b"] = Unavailable("down")
    answer = read(stand, "a", "b", "c")
    assert set(shown(answer)) == {"a", "c"}
    assert answer.failures == {named("b"): stand.hubspot.failing["b"]}
    assert steps(answer)[-1] == ("hubspot", TierOutcome.ERROR)
    stand.hubspot.failing.clear()
    assert shown(read(stand, "b")) == {"b": (2, "hubspot", "hubspot")}


def test_a_name_that_fails_has_no_answer_in_part():
    stand = Stand()
    stand.mongodb.versions["Acme"] = 1
    stand.reader.read(View.INFO, named())
    stand.break_everything()
    answer = read(stand, "Acme")
    assert answer.values == {}
    assert set(answer.failures) == {named()}


def test_without_mongodb_hubspot_answers_and_memory_keeps_it():
    stand = Stand()
    stand.mongodb.failure = StoreUnavailable("down")
    stand.hubspot.versions |= {"a": 1, "b": 2}
    answer = read(stand, "a", "b")
    assert steps(answer)[1:] == [("mongodb", TierOutcome.ERROR), ("hubspot", TierOutcome.HIT)]
    assert {tier for _, *tiers in shown(read(stand, "a", "b")).values() for tier in tiers} == {"memory"}


def test_when_all_below_fails_stale_values_serve_and_all_is_left_alone_for_a_while():
    stand = Stand()
    stand.mongodb.versions |= {"a": 1, "b": 2}
    read(stand, "a", "b")
    stand.break_everything()
    stand.clock.tick(601)
    answer = read(stand, "a", "b", "cold")
    assert shown(answer) == {"a": (1, "memory", "memory"), "b": (2, "memory", "memory")}
    assert all(one.stale for values in answer.values.values() for one in values.values())
    assert set(answer.failures) == {named("cold")}
    # Single reads know of it, and the other way round.
    tried = stand.hubspot.loads
    assert stand.reader.read(View.INFO, named("a")).stale
    assert shown(read(stand, "a", "b")) == {"a": (1, "memory", "memory"), "b": (2, "memory", "memory")}
    assert stand.hubspot.loads == tried
    stand.clock.tick(10)
    stand.mongodb.failure = None
    assert shown(read(stand, "a", "b")) == {"a": (1, "mongodb", "mongodb"), "b": (2, "mongodb", "mongodb")}


def test_a_stale_view_serves_only_beside_all_others():
    stand = Stand()
    stand.mongodb.versions["Acme"] = 1
    stand.reader.read(View.INFO, named())
    stand.break_everything()
    stand.clock.tick(601)
    assert set(read(stand, "Acme").failures) == {named()}
    assert shown(read(stand, "Acme", views=[View.INFO])) == {"Acme": (1, "memory")}


@pytest.mark.parametrize("bounds", [{"waiting": 1}, {"loads": 1}], ids=["waiting", "loads"])
def test_a_batch_is_one_waiting_thread_and_one_load_and_what_it_needs_not_wait_for_goes_on(bounds):
    stand = Stand(**bounds)
    stand.hubspot.versions |= {"a": 1, "b": 2, "c": 3}
    stand.mongodb.versions["stored"] = 9
    stand.hubspot.let.clear()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(read, stand, "a", "b")
        assert stand.hubspot.entered.acquire(timeout=60)
        answer = read(stand, "c", "stored")
        assert shown(answer) == {"stored": (9, "mongodb", "mongodb")}
        assert isinstance(answer.failures[named("c")], BulkheadFullError)
        stand.hubspot.let.set()
        assert set(shown(first.result(60))) == {"a", "b"}
    assert shown(read(stand, "c")) == {"c": (3, "hubspot", "hubspot")}


def test_a_batch_waits_for_names_that_others_are_loading_and_they_for_its():
    stand = Stand()
    stand.hubspot.versions |= {"a": 1, "b": 2, "c": 3, "d": 4}
    stand.hubspot.let.clear()
    with ThreadPoolExecutor(3) as pool:
        single = pool.submit(stand.reader.read, View.INFO, named("a"))
        assert stand.hubspot.entered.acquire(timeout=60)
        first = pool.submit(read, stand, "a", "b", "c")
        assert stand.hubspot.entered.acquire(timeout=60)
        second = pool.submit(read, stand, "c", "d", "a")
        assert stand.hubspot.entered.acquire(timeout=60)
        late = threading.Thread(target=stand.reader.read, args=(View.TIMELINE, named("d")))
        late.start()
        assert stand.waiting.acquire(timeout=60)  # who joins has nothing else to do
        stand.hubspot.let.set()
        assert version_of(single.result(60)) == 1
        assert {name: version for name, (version, *_) in shown(first.result(60)).items()} == {"a": 1, "b": 2, "c": 3}
        assert {name: version for name, (version, *_) in shown(second.result(60)).items()} == {"a": 1, "c": 3, "d": 4}
        late.join(60)
    assert stand.hubspot.batches == [["a"], ["b", "c"], ["d"]]


def test_a_joined_load_that_takes_too_long_fails_its_name_alone():
    stand = Stand(wait_seconds=0.05)
    stand.hubspot.versions |= {"a": 1, "b": 2}
    stand.hubspot.let.clear()
    with ThreadPoolExecutor(2) as pool:
        single = pool.submit(stand.reader.read, View.INFO, named("a"))
        assert stand.hubspot.entered.acquire(timeout=60)
        answer = read(stand, "a")
        assert isinstance(answer.failures[named("a")], FlightTimeoutError)
        stand.hubspot.let.set()
        single.result(60)


def test_a_failing_load_is_shared_by_those_who_joined_it():
    stand = Stand()
    stand.hubspot.failure = Unauthorised("no")
    stand.hubspot.let.clear()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(read, stand, "a", "b")
        assert stand.hubspot.entered.acquire(timeout=60)
        threading.Thread(target=lambda: (stand.waiting.acquire(timeout=60), stand.hubspot.let.set())).start()
        with pytest.raises(Unauthorised):
            stand.reader.read(View.INFO, named("b"))
        assert set(first.result(60).failures) == {named("a"), named("b")}
    assert len(stand.hubspot.batches) == 1


@pytest.mark.parametrize("names", ["a", "ab"])
def test_a_fault_of_our_own_is_raised_and_leaves_no_flight_behind(names: str, monkeypatch: pytest.MonkeyPatch):
    stand = Stand()
    stand.hubspot.versions["a"] = 1
    with monkeypatch.context() as patch:
        patch.setattr(stand.hubspot, "load", broken)
        with pytest.raises(ZeroDivisionError):
            read(stand, *names)
    assert stand.reader.read(View.INFO, named("a")).tier == "hubspot"


def broken(*_args, **_how):
    return 1 // 0


def during_load(stand: Stand, *names: str, then) -> None:
    """Run a batch, and ``then`` while its names are being loaded."""
    stand.hubspot.let.clear()
    with ThreadPoolExecutor(1) as pool:
        batch = pool.submit(read, stand, *names)
        assert stand.hubspot.entered.acquire(timeout=60)
        then()
        stand.hubspot.let.set()
        assert set(shown(batch.result(60))) == set(names)


def in_memory(stand: Stand, name: str) -> bool:
    return stand.memory.get(CacheKey.of(View.INFO, named(name))) is not None


@pytest.mark.parametrize("changed", [False, True], ids=["as before", "changed"])
@pytest.mark.parametrize(
    "selection", [Selection.deals(names=["B"]), Selection.deals(ids=["id-b"])], ids=["by name", "by id"]
)
def test_a_deal_that_is_invalidated_during_its_load_is_not_kept_but_the_others_are(selection, changed):
    stand = Stand()
    stand.hubspot.versions |= {"a": 1, "b": 2, "c": 3}
    if changed:
        for name in "abc":
            stand.hubspot.changes.note(f"id-{name}", [INFO], [name])
    during_load(stand, "a", "b", "c", then=lambda: stand.reader.invalidate(selection))
    assert [in_memory(stand, name) for name in "abc"] == [True, False, True]
    announced = {mark for one, _ in stand.publisher.recorded[1:] for mark in one.deal_ids}
    assert announced == ({"id-a", "id-b", "id-c"} if changed else set())


def test_a_clear_of_everything_during_a_load_leaves_nothing():
    stand = Stand()
    stand.hubspot.versions |= {"a": 1, "b": 2}
    during_load(stand, "a", "b", then=lambda: stand.reader.invalidate(Selection.all()))
    assert stand.memory.usage().entries == 0


def test_what_a_load_changed_is_let_go_under_every_key():
    stand = Stand()
    stand.mongodb.versions |= {"id-a": 1, "other": 1}
    stand.reader.read(View.INFO, named("other"))
    stand.hubspot.versions |= {"a": 2, "b": 3}
    stand.hubspot.changes = Changes({"id-a": {INFO}, "id-other": {INFO}}, {"a"})
    read(stand, "a", "b")
    assert [in_memory(stand, name) for name in ("a", "b", "other")] == [True, True, False]
    ((selection, changes),) = stand.publisher.recorded
    assert selection == Selection.deals(ids=["id-a", "id-other"], names=["a"])
    assert changes == stand.hubspot.changes


def test_a_load_that_could_not_be_stored_lets_go_all_that_it_may_have_changed():
    stand = Stand()
    stand.hubspot.versions |= {"a": 1, "b": 2}
    stand.hubspot.stored = False
    read(stand, "a", "b", "nobody")
    ((selection, _),) = stand.publisher.recorded
    assert selection == Selection.deals(ids=["id-a", "id-b"], names=["a", "b", "nobody"])
    assert [in_memory(stand, name) for name in ("a", "b", "nobody")] == [True, True, True]


def test_a_load_that_changed_nothing_tells_nobody():
    stand = Stand()
    stand.hubspot.versions |= {"a": 1, "b": 2}
    read(stand, "a", "b")
    assert stand.publisher.recorded == []


def test_a_deal_that_is_invalidated_while_a_change_of_another_is_recorded_is_not_kept():
    stand = Stand()
    stand.hubspot.versions |= {"a": 1, "b": 2}
    stand.hubspot.changes = Changes({"id-a": {INFO}}, {"a"})
    record = stand.publisher.record

    def record_late(*arguments, **claim):
        stand.cache.apply(Selection.deals(names=["b"]), None)
        return record(*arguments, **claim)

    stand.publisher.record = record_late  # type: ignore[method-assign]
    read(stand, "a", "b")
    assert [in_memory(stand, name) for name in "ab"] == [True, False]


def test_that_a_deal_is_unknown_does_not_serve_in_place_of_a_failure():
    stand = Stand()
    read(stand, "nobody")
    stand.break_everything()
    answer = read(stand, "nobody", mode=Mode.NO_CACHE)
    assert (answer.values, set(answer.failures)) == ({}, {named("nobody")})


def test_a_batch_and_a_single_read_share_what_they_read_from_mongodb():
    stand = Stand()
    stand.mongodb.versions |= {"a": 1, "b": 2}
    began, let = threading.Event(), threading.Event()

    def hold() -> None:
        began.set()
        assert let.wait(60)

    stand.mongodb.before_answer = hold
    with ThreadPoolExecutor(2) as pool:
        single = pool.submit(stand.reader.read, View.INFO, named("a"))
        assert began.wait(60)
        stand.mongodb.before_answer = lambda: None
        batch = pool.submit(read, stand, "a", "b", views=[View.INFO])
        assert stand.waiting.acquire(timeout=60)
        let.set()
        assert version_of(single.result(60)) == 1
        assert shown(batch.result(60)) == {"a": (1, "mongodb"), "b": (2, "mongodb")}
    assert stand.mongodb.batches == [{named("a"): [View.INFO]}, {named("b"): [View.INFO]}]


def test_a_single_read_too_tells_hubspot_the_ids_that_mongodb_knows():
    stand = Stand()
    stand.mongodb.unsynced.add("Acme")
    stand.hubspot.versions["Acme"] = 1
    stand.reader.read(View.INFO, named())
    assert stand.hubspot.known_ids == [("id-Acme",)]
