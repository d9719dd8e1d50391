from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from dealcache.deadline import Deadline
from dealcache.deals import ENGAGEMENT_TYPES, DealKey
from dealcache.hubspot.budgets import Priority
from dealcache.hubspot.directory import Directory
from dealcache.hubspot.errors import MalformedAnswer, NotFound, TimedOut, Unauthorised, Unavailable
from dealcache.hubspot.gathering import Gathering
from dealcache.hubspot.loader import DealLoader
from dealcache.hubspot.pages import RecordPage
from tests.unit.hubspot.accounts import Account, VirtualPool, soon, spread
from tests.unit.hubspot.records import deal

STARTED = datetime(2026, 11, 23, tzinfo=UTC)
ACME = DealKey("name", "Acme renewal")


@pytest.fixture
def account():
    return Account()


@pytest.fixture
def pool(clock, account, monkeypatch):
    made = VirtualPool(clock, account)
    monkeypatch.setattr("dealcache.hubspot.fanout.wait", made.wait)
    return made


@pytest.fixture
def loader(account, pool, clock):
    return DealLoader(account, Directory(account, clock=clock), executor=pool, now=lambda: STARTED)


@pytest.fixture
def warm(loader, account, clock):
    """The loader when owners and pipelines are known already."""
    account.add(deal("1", "Warm-up"))
    loader.load(DealKey("id", "1"), soon(clock))
    del account.deals["1"]
    account.calls.clear()
    return loader


def test_a_deal_without_activities_costs_a_search_and_seven_reads(warm, account, clock):
    account.add(deal())
    loaded = warm.load(ACME, soon(clock))
    assert loaded.events == ()
    assert loaded.homonyms == ()
    assert loaded.read_started_at == STARTED
    assert account.calls == {"search": 1} | {f"{kind} ids": 1 for kind in ENGAGEMENT_TYPES}


def test_one_activity_costs_one_read_more(warm, account, clock):
    account.add(deal(), notes=["301"])
    loaded = warm.load(ACME, soon(clock))
    assert [(event.engagement_type, event.engagement_id, event.owner) for event in loaded.events] == [
        ("notes", "301", "Ada Byron")
    ]
    assert account.of("notes") == (1, 1)
    assert account.calls.total() == 9


def test_the_deal_bears_the_names_of_its_owner_stage_and_pipeline(loader, account, clock):
    account.add(deal())
    loaded = loader.load(ACME, soon(clock))
    assert (loaded.deal.owner, loaded.deal.stage, loaded.deal.pipeline) == (
        "Ada Byron",
        "Contract Sent",
        "Sales Pipeline",
    )


def test_sixty_activities_take_three_round_trips(loader, account, clock):
    account.add(deal(), **spread(60))
    started = clock.now
    loaded = loader.load(ACME, soon(clock))
    assert len(loaded.events) == 420
    assert clock.now - started == pytest.approx(3 * 0.2)
    assert account.calls.total() == 3 + 1 + 7 + 7


def test_of_2500_activities_each_type_takes_as_many_reads_as_it_must(warm, account, clock):
    sizes = dict(zip(ENGAGEMENT_TYPES, (250, 1000, 300, 499, 1, 350, 100), strict=True))
    account.add(deal(), **{kind: [str(number) for number in range(size)] for kind, size in sizes.items()})
    started = clock.now
    loaded = warm.load(ACME, soon(clock))
    assert len(loaded.events) == 2500
    for kind, size in sizes.items():
        assert account.of(kind) == (-(-size // 100), -(-size // 100)), kind
        assert sum(number for other, number in account.batches if other == kind) == size
    assert clock.now - started == pytest.approx((1 + 10 + 1) * 0.2)


def test_pages_smaller_than_a_batch_make_full_batches_all_the_same(warm, account, clock):
    account.page_size = 30
    account.add(deal(), notes=[str(number) for number in range(250)])
    assert len(warm.load(ACME, soon(clock)).events) == 250
    assert account.batches == [("notes", 100), ("notes", 100), ("notes", 50)]


def test_an_id_on_two_pages_is_read_once(warm, account, clock):
    ids = [str(number) for number in range(100)]
    account.add(deal(), notes=ids + ids[:50])
    assert len(warm.load(ACME, soon(clock)).events) == 100
    assert account.of("notes") == (2, 1)


def test_events_come_oldest_first_and_archived_ones_not_at_all(warm, account, clock):
    account.add(deal(), notes=["5", "3", "9"], calls=["4", "3"])
    account.archived = {"9"}
    events = warm.load(ACME, soon(clock)).events
    assert [(event.engagement_type, event.engagement_id) for event in events] == [
        ("calls", "3"),
        ("notes", "3"),
        ("calls", "4"),
        ("notes", "5"),
    ]


def test_of_deals_of_one_name_the_best_is_loaded_and_the_others_named(warm, account, clock):
    account.add(deal("1", "acme RENEWAL", hs_lastmodifieddate="2026-11-20T00:00:00Z"), notes=["1"])
    account.add(deal("2", "Acme renewal"), notes=["2"])
    account.add(deal("3", "Acme renewals"))
    account.found_by_search = ["1", "2", "3"]
    loaded = warm.load(ACME, soon(clock))
    assert loaded.deal.deal_id == "2"
    assert [other.deal_id for other in loaded.homonyms] == ["1"]
    assert loaded.homonyms[0].stage == "Contract Sent"
    assert [event.engagement_id for event in loaded.events] == ["2"]


def test_by_id_the_homonyms_are_searched_beside_the_activities(warm, account, clock):
    account.add(deal("1"), notes=["1"])
    account.add(deal("2", "ACME RENEWAL"))
    started = clock.now
    loaded = warm.load(DealKey("id", "1"), soon(clock))
    assert (loaded.deal.deal_id, [other.deal_id for other in loaded.homonyms]) == ("1", ["2"])
    assert clock.now - started == pytest.approx(3 * 0.2)
    assert (account.calls["deals"], account.calls["search"]) == (1, 1)


def test_a_deal_without_a_name_has_no_homonyms(warm, account, clock):
    account.add(deal("1", ""))
    assert warm.load(DealKey("id", "1"), soon(clock)).homonyms == ()
    assert account.calls["search"] == 0


def test_a_merged_deal_is_loaded_under_its_new_id(warm, account, clock):
    account.add(deal("3"), notes=["1"])
    account.merged = {"1": "3"}
    loaded = warm.load(DealKey("id", "1"), soon(clock))
    assert (loaded.deal.deal_id, len(loaded.events), loaded.homonyms) == ("3", 1, ())


def test_an_unknown_name_is_not_found(warm, account, clock):
    with pytest.raises(NotFound) as caught:
        warm.load(ACME, soon(clock))
    assert (caught.value.renamed, caught.value.missing_ids) == ((), ())
    assert account.calls == {"search": 1}


def test_an_unknown_id_is_not_found_and_missing(warm, account, clock):
    with pytest.raises(NotFound) as caught:
        warm.load(DealKey("id", "9"), soon(clock))
    assert caught.value.missing_ids == ("9",)
    assert account.calls == {"deals": 1}


def test_a_name_that_the_search_does_not_know_yet_is_found_by_the_known_ids(warm, account, clock):
    account.add(deal("1"), notes=["1"])
    account.add(deal("2", "Other"))
    account.found_by_search = []
    loaded = warm.load(ACME, soon(clock), known_ids=("1", "2", "1"))
    assert (loaded.deal.deal_id, len(loaded.events)) == ("1", 1)
    assert account.calls["deals"] == 1


def test_known_ids_tell_what_was_renamed_and_what_is_gone(warm, account, clock):
    account.add(deal("1", "Other"))
    account.add(deal("3", "Third"))
    account.merged = {"2": "3"}
    account.found_by_search = []
    with pytest.raises(NotFound) as caught:
        warm.load(ACME, soon(clock), known_ids=("1", "2", "9"))
    renamed = {(one.deal_id, one.deal_name, one.stage) for one in caught.value.renamed}
    assert renamed == {("1", "Other", "Contract Sent"), ("3", "Third", "Contract Sent")}
    assert caught.value.missing_ids == ("2", "9")


def test_known_ids_are_not_read_when_the_search_finds_something(warm, account, clock):
    account.add(deal())
    warm.load(ACME, soon(clock), known_ids=("7", "8"))
    assert account.calls["deals"] == 0


def test_more_known_ids_than_a_batch(warm, account, clock):
    account.found_by_search = []
    with pytest.raises(NotFound) as caught:
        warm.load(ACME, soon(clock), known_ids=[str(number) for number in range(250)])
    assert len(caught.value.missing_ids) == 250
    assert account.calls["deals"] == 3


@pytest.mark.parametrize("where", ["search", "emails ids", "emails"])
def test_the_first_failure_ends_the_load(warm, account, clock, where):
    account.add(deal(), **spread(3))
    account.failures = {where: Unauthorised("no")}
    with pytest.raises(Unauthorised):
        warm.load(ACME, soon(clock))
    account.failures = {}
    assert len(warm.load(ACME, soon(clock)).events) == 21


@pytest.mark.parametrize("where", ["owners", "pipelines"])
def test_a_load_without_any_names_fails(loader, account, clock, where):
    account.add(deal())
    account.failures = {where: Unavailable("down")}
    with pytest.raises(Unavailable):
        loader.load(ACME, soon(clock))
    account.failures = {}
    assert loader.load(ACME, soon(clock)).deal.owner == "Ada Byron"


@pytest.mark.parametrize("seconds", [0.0, 0.1, 0.3, 0.5])
def test_the_caller_never_waits_past_the_deadline(warm, account, clock, seconds):
    account.add(deal(), **spread(3))
    started = clock.now
    with pytest.raises(TimedOut):
        warm.load(ACME, soon(clock, seconds))
    assert clock.now - started == pytest.approx(seconds)


def test_what_has_not_begun_is_taken_back(warm, account, pool, clock):
    account.add(deal(), **spread(3))
    account.failures = {"calls ids": Unavailable("down")}
    with pytest.raises(Unavailable):
        warm.load(ACME, soon(clock))
    pool.wait((), 10.0, None)
    assert len(pool.cancelled) == 6


def test_names_are_read_once_and_again_for_an_unknown_owner(loader, account, clock):
    account.add(deal())
    loader.load(ACME, soon(clock))
    loader.load(ACME, soon(clock))
    assert (account.calls["owners"], account.calls["pipelines"]) == (1, 1)
    clock.now += 61
    account.owners = [*account.owners, {"id": "5", "firstName": "New"}]
    account.add(deal(hubspot_owner_id="5"))
    assert loader.load(ACME, soon(clock)).deal.owner == "New"
    account.add(deal(hubspot_owner_id="6"))
    assert loader.load(ACME, soon(clock)).deal.owner is None
    assert (account.calls["owners"], account.calls["pipelines"]) == (2, 1)


def test_names_are_read_again_for_an_unknown_stage(loader, account, clock):
    account.add(deal())
    loader.load(ACME, soon(clock))
    clock.now += 61
    account.add(deal(dealstage="new"))
    account.pipelines = [account.pipelines[0] | {"stages": [{"id": "new", "label": "New"}]}]
    assert loader.load(ACME, soon(clock)).deal.stage == "New"
    assert (account.calls["owners"], account.calls["pipelines"]) == (1, 2)


def test_the_priority_reaches_every_call(warm, account, clock):
    account.priorities.clear()
    account.add(deal(), notes=["1"])
    warm.load(ACME, soon(clock), priority=Priority.SYNC)
    assert account.priorities == {Priority.SYNC}


def test_pages_that_run_in_a_circle_end():
    gathering = Gathering(100)
    gathering.add(["1"], {"7": "a", "8": "a"})
    gathering.add(["1"], {"7": "b"})
    with pytest.raises(MalformedAnswer, match="circle"):
        gathering.add(["1"], {"7": "a"})


def test_many_loads_share_two_threads_without_locking_each_other_out():
    account = Account()
    for number in range(20):
        account.add(deal(str(number), f"Deal {number}"), **spread(250))
    loader = DealLoader(account, Directory(account), threads=2)
    try:
        with ThreadPoolExecutor(20) as readers:
            keys = [DealKey("name", f"deal {number}") for number in range(20)]
            loaded = list(readers.map(lambda key: loader.load(key, Deadline(60)), keys))
    finally:
        loader.close()
    assert [len(one.events) for one in loaded] == [1750] * 20
    assert account.calls["owners"] == 1


class Stuck(Account):
    def __init__(self):
        super().__init__()
        self.release = threading.Event()

    def find_deals(self, search, deadline, priority):
        self.release.wait(10)
        return RecordPage([], None)


def test_a_call_that_does_not_come_back_holds_nobody_past_the_deadline():
    account = Stuck()
    loader = DealLoader(account, Directory(account))
    try:
        started = time.monotonic()
        with pytest.raises(TimedOut):
            loader.load(ACME, Deadline(0.1))
        assert time.monotonic() - started < 0.4
        names = [thread.name for thread in threading.enumerate()]
        assert any(name.startswith("hubspot") for name in names)
    finally:
        account.release.set()
        loader.close()


def test_a_load_that_meets_a_closed_pool_fails_at_once():
    account = Account()
    account.add(deal(), notes=["1"])
    closed, cold = (DealLoader(account, Directory(account)) for _ in range(2))
    closed.load(ACME, Deadline(10))
    for loader in (closed, cold):
        loader.close()
        with pytest.raises(Unavailable, match="shut down"):
            loader.load(ACME, Deadline(10))


def test_a_pool_that_was_passed_in_is_left_to_its_owner():
    account = Account()
    account.add(deal())
    with ThreadPoolExecutor(2) as pool:
        loader = DealLoader(account, Directory(account), executor=pool)
        loader.close()
        assert loader.load(ACME, Deadline(10)).events == ()
