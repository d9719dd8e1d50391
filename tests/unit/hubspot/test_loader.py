from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from math import inf

import pytest

from dealcache.hubspot.errors import (
    Forbidden,
    HubSpotError,
    MalformedAnswer,
    NotFound,
    TimedOut,
    Unauthorised,
    Unavailable,
)
from dealcache.hubspot.limits.buckets import Priority
from dealcache.hubspot.loader import DealLoader
from dealcache.hubspot.pages import CursorGuard, RecordPage
from dealcache.model.deadline import Deadline
from dealcache.model.deals import ENGAGEMENT_TYPES, DealKey
from tests.unit.hubspot.accounts import Account, VirtualPool, refresher_of, soon, spread
from tests.unit.hubspot.records import deal

STARTED = datetime(2026, 11, 23, tzinfo=UTC)
ACME = DealKey("name", "Acme renewal")


def load_one(loader, key, deadline, known_ids=(), **more):
    """Load one deal, or raise why there is none."""
    (result,) = loader.load([key], deadline, known_ids={key: known_ids}, **more).values()
    if isinstance(result, HubSpotError):
        raise result
    return result


@pytest.fixture
def account():
    return Account()


@pytest.fixture
def pool(clock, account, monkeypatch):
    made = VirtualPool(clock, account)
    monkeypatch.setattr("dealcache.hubspot.worker_pool.SimpleQueue", made.queue)
    return made


@pytest.fixture
def loader(account, pool, clock):
    return DealLoader(account.connect, refresher_of(account, pool, clock), pool, lambda: STARTED)


@pytest.fixture
def warm(loader, account, clock):
    """The loader when owners and pipelines are known already."""
    account.add(deal("1", "Warm-up"))
    load_one(loader, DealKey("id", "1"), soon(clock))
    del account.deals["1"]
    account.calls.clear()
    return loader


def test_a_deal_without_activities_costs_a_search_and_seven_reads(warm, account, clock):
    account.add(deal())
    loaded = load_one(warm, ACME, soon(clock))
    assert loaded.events == ()
    assert loaded.homonyms == ()
    assert loaded.read_started_at == STARTED
    assert account.calls == {"search": 1} | {f"{kind} ids": 1 for kind in ENGAGEMENT_TYPES}


def test_one_activity_costs_one_read_more(warm, account, clock):
    account.add(deal(), notes=["301"])
    loaded = load_one(warm, ACME, soon(clock))
    assert [(event.engagement_type, event.engagement_id, event.owner_id) for event in loaded.events] == [
        ("notes", "301", "910901")
    ]
    assert account.of("notes") == (1, 1)
    assert account.calls.total() == 9


def test_the_deal_bears_ids_whose_labels_are_known_when_it_is_loaded(account, pool, clock):
    refresher = refresher_of(account, pool, clock)
    account.add(deal())
    deal_loaded = load_one(DealLoader(account.connect, refresher, pool, now=lambda: STARTED), ACME, soon(clock)).deal
    assert (deal_loaded.owner, deal_loaded.stage, deal_loaded.pipeline) == (None, None, None)
    labels = refresher.known()
    assert labels.owner_label(deal_loaded.owner_id, deal_loaded.owner) == "Ada Byron"
    assert labels.stage_label(deal_loaded.pipeline_id, deal_loaded.stage_id, deal_loaded.stage) == "Contract Sent"
    assert labels.pipeline_label(deal_loaded.pipeline_id, deal_loaded.pipeline) == "Sales Pipeline"


def test_sixty_activities_take_three_round_trips(loader, account, clock):
    account.add(deal(), **spread(60))
    started = clock.now
    loaded = load_one(loader, ACME, soon(clock))
    assert len(loaded.events) == 420
    assert clock.now - started == pytest.approx(3 * 0.2)
    assert account.calls.total() == 3 + 1 + 7 + 7


def test_of_2500_activities_each_type_takes_as_many_reads_as_it_must(warm, account, clock):
    sizes = dict(zip(ENGAGEMENT_TYPES, (250, 1000, 300, 499, 1, 350, 100), strict=True))
    account.add(deal(), **{kind: [str(number) for number in range(size)] for kind, size in sizes.items()})
    started = clock.now
    loaded = load_one(warm, ACME, soon(clock))
    assert len(loaded.events) == 2500
    for kind, size in sizes.items():
        assert account.of(kind) == (-(-size // 100), -(-size // 100)), kind
        assert sum(number for other, number in account.batches if other == kind) == size
    assert clock.now - started == pytest.approx((1 + 10 + 1) * 0.2)


def test_pages_smaller_than_a_batch_make_full_batches_all_the_same(warm, account, clock):
    account.page_size = 30
    account.add(deal(), notes=[str(number) for number in range(250)])
    assert len(load_one(warm, ACME, soon(clock)).events) == 250
    assert account.batches == [("notes", 100), ("notes", 100), ("notes", 50)]


def test_an_id_on_two_pages_is_read_once(warm, account, clock):
    ids = [str(number) for number in range(100)]
    account.add(deal(), notes=ids + ids[:50])
    assert len(load_one(warm, ACME, soon(clock)).events) == 100
    assert account.of("notes") == (2, 1)


def test_events_come_oldest_first_and_archived_ones_not_at_all(warm, account, clock):
    account.add(deal(), notes=["5", "3", "9"], calls=["4", "3"])
    account.archived = {"9"}
    events = load_one(warm, ACME, soon(clock)).events
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
    loaded = load_one(warm, ACME, soon(clock))
    assert loaded.deal.deal_id == "2"
    assert [other.deal_id for other in loaded.homonyms] == ["1"]
    assert [event.engagement_id for event in loaded.events] == ["2"]


def test_by_id_the_homonyms_are_searched_beside_the_activities(warm, account, clock):
    account.add(deal("1"), notes=["1"])
    account.add(deal("2", "ACME RENEWAL"))
    started = clock.now
    loaded = load_one(warm, DealKey("id", "1"), soon(clock))
    assert (loaded.deal.deal_id, [other.deal_id for other in loaded.homonyms]) == ("1", ["2"])
    assert clock.now - started == pytest.approx(3 * 0.2)
    assert (account.calls["deals"], account.calls["search"]) == (1, 1)


def test_a_deal_without_a_name_has_no_homonyms(warm, account, clock):
    account.add(deal("1", ""))
    assert load_one(warm, DealKey("id", "1"), soon(clock)).homonyms == ()
    assert account.calls["search"] == 0


def test_a_merged_deal_is_loaded_under_its_new_id(warm, account, clock):
    account.add(deal("3"), notes=["1"])
    account.merged = {"1": "3"}
    loaded = load_one(warm, DealKey("id", "1"), soon(clock))
    assert (loaded.deal.deal_id, len(loaded.events), loaded.homonyms) == ("3", 1, ())


def test_an_unknown_name_is_not_found(warm, account, clock):
    with pytest.raises(NotFound) as caught:
        load_one(warm, ACME, soon(clock))
    assert (caught.value.renamed, caught.value.missing_ids) == ((), ())
    assert account.calls == {"search": 2}  # by the whole name, and by its words


def test_an_unknown_id_is_not_found_and_missing(warm, account, clock):
    with pytest.raises(NotFound) as caught:
        load_one(warm, DealKey("id", "9"), soon(clock))
    assert caught.value.missing_ids == ("9",)
    assert account.calls == {"deals": 1}


def test_a_name_that_the_search_does_not_know_yet_is_found_by_the_known_ids(warm, account, clock):
    account.add(deal("1"), notes=["1"])
    account.add(deal("2", "Other"))
    account.found_by_search = []
    loaded = load_one(warm, ACME, soon(clock), known_ids=("1", "2", "1"))
    assert (loaded.deal.deal_id, len(loaded.events)) == ("1", 1)
    assert account.calls["deals"] == 1


def test_known_ids_tell_what_was_renamed_and_what_is_gone(warm, account, clock):
    account.add(deal("1", "Other"))
    account.add(deal("3", "Third"))
    account.merged = {"2": "3"}
    account.found_by_search = []
    with pytest.raises(NotFound) as caught:
        load_one(warm, ACME, soon(clock), known_ids=("1", "2", "9"))
    renamed = {(one.deal_id, one.deal_name) for one in caught.value.renamed}
    assert renamed == {("1", "Other"), ("3", "Third")}
    assert caught.value.missing_ids == ("2", "9")


def test_known_ids_are_not_read_when_the_search_finds_something(warm, account, clock):
    account.add(deal())
    load_one(warm, ACME, soon(clock), known_ids=("7", "8"))
    assert account.calls["deals"] == 0


def test_more_known_ids_than_a_batch(warm, account, clock):
    account.found_by_search = []
    with pytest.raises(NotFound) as caught:
        load_one(warm, ACME, soon(clock), known_ids=[str(number) for number in range(250)])
    assert len(caught.value.missing_ids) == 250
    assert account.calls["deals"] == 3


@pytest.mark.parametrize("where", ["search", "emails ids", "emails"])
def test_the_first_failure_ends_the_load(warm, account, clock, where):
    account.add(deal(), **spread(3))
    account.failures = {where: Unauthorised("no")}
    with pytest.raises(Unauthorised):
        load_one(warm, ACME, soon(clock))
    account.failures = {}
    assert len(load_one(warm, ACME, soon(clock)).events) == 21


def test_a_load_that_is_not_admitted_begins_no_call(loader, account, clock):
    account.add(deal())
    account.failures = {"admit": Unauthorised("no")}
    with pytest.raises(Unauthorised):
        load_one(loader, ACME, soon(clock))
    assert not account.calls


@pytest.mark.parametrize("where", ["owners", "pipelines"])
def test_a_load_does_without_labels_that_cannot_be_read(account, pool, clock, where):
    refresher = refresher_of(account, pool, clock)
    loader = DealLoader(account.connect, refresher, pool, now=lambda: STARTED)
    account.add(deal(), notes=["1"])
    account.failures = {where: Forbidden("no")}
    assert len(load_one(loader, ACME, soon(clock)).events) == 1
    assert bool(refresher.known().owners) is (where == "pipelines")
    account.failures = {}
    load_one(loader, ACME, soon(clock))
    assert account.calls[where] == 2  # for the id that is unknown, once more at once
    load_one(loader, ACME, soon(clock))
    assert account.calls[where] == 2


@pytest.mark.parametrize(("cancelled_at", "seconds"), [(inf, 10.0), (1.2, 1.5)])
def test_a_load_waits_for_labels_for_a_part_of_its_time_until_it_is_cancelled(
    account, pool, clock, caplog, cancelled_at, seconds
):
    account.add(deal())
    account.list_owners = lambda: [Account.list_owners(account) for _ in range(50)].pop()  # takes 20 s
    loader = DealLoader(account.connect, refresher_of(account, pool, clock), pool, now=lambda: STARTED)
    started = clock.now
    deadline = Deadline(15.0, clock, is_cancelled=lambda: clock.now >= started + cancelled_at)
    assert load_one(loader, ACME, deadline).deal.owner_id == "910901"
    assert clock.now - started <= seconds + 0.001
    warning = "a deal is shown with the last known labels: HubSpot did not answer all calls in time"
    assert {*caplog.messages} == {warning}


@pytest.mark.parametrize("seconds", [0.0, 0.1, 0.3, 0.5])
def test_the_caller_never_waits_past_the_deadline(warm, account, clock, seconds):
    account.add(deal(), **spread(3))
    started = clock.now
    with pytest.raises(TimedOut):
        load_one(warm, ACME, soon(clock, seconds))
    assert clock.now - started == pytest.approx(seconds)


def test_what_has_not_begun_is_taken_back(warm, account, pool, clock):
    account.add(deal(), **spread(3))
    account.failures = {"calls ids": Unavailable("down")}
    with pytest.raises(Unavailable):
        load_one(warm, ACME, soon(clock))
    pool.run_all()
    assert len(pool.cancelled) == 6


def test_labels_are_read_once_and_again_for_an_unknown_owner(account, pool, clock):
    refresher = refresher_of(account, pool, clock)
    loader = DealLoader(account.connect, refresher, pool, now=lambda: STARTED)
    account.add(deal())
    load_one(loader, ACME, soon(clock))
    load_one(loader, ACME, soon(clock))
    assert (account.calls["owners"], account.calls["pipelines"]) == (1, 1)
    account.owners = [*account.owners, {"id": "5", "firstName": "New"}]
    account.add(deal(hubspot_owner_id="5"))
    load_one(loader, ACME, soon(clock))
    assert refresher.known().owners["5"] == "New"
    account.add(deal(hubspot_owner_id="6"))
    for _ in range(3):
        load_one(loader, ACME, soon(clock))
    assert "6" not in refresher.known().owners
    assert (account.calls["owners"], account.calls["pipelines"]) == (3, 1)


def test_labels_are_read_again_for_an_unknown_stage(account, pool, clock):
    refresher = refresher_of(account, pool, clock)
    loader = DealLoader(account.connect, refresher, pool, now=lambda: STARTED)
    account.add(deal())
    load_one(loader, ACME, soon(clock))
    account.add(deal(dealstage="new"))
    account.pipelines = [account.pipelines[0] | {"stages": [{"id": "new", "label": "New"}]}]
    loaded = load_one(loader, ACME, soon(clock))
    assert refresher.known().stage_label(loaded.deal.pipeline_id, loaded.deal.stage_id, loaded.deal.stage) == "New"
    assert (account.calls["owners"], account.calls["pipelines"]) == (1, 2)


def test_a_refresh_reads_the_labels_again(account, pool, clock):
    refresher = refresher_of(account, pool, clock)
    loader = DealLoader(account.connect, refresher, pool, now=lambda: STARTED)
    account.add(deal())
    load_one(loader, ACME, soon(clock))
    account.owners = [account.owners[0] | {"firstName": "Augusta"}]
    loaded = load_one(loader, ACME, soon(clock), fresh_labels=True)
    assert refresher.known().owner_label(loaded.deal.owner_id, loaded.deal.owner) == "Augusta Byron"


def test_the_calls_of_a_load_come_before_those_of_syncs(warm, account, clock):
    account.priorities.clear()
    account.add(deal(), notes=["1"])
    load_one(warm, ACME, soon(clock))
    assert account.priorities == {Priority.INTERACTIVE}


def test_the_cursor_guard_finds_lists_whose_cursor_repeats():
    guard = CursorGuard()
    assert guard.repeated({"7": "a", "8": "a"}) == set()
    assert guard.repeated({"7": "b"}) == set()
    assert guard.repeated({"7": "a", "8": "b"}) == {"7"}


def test_the_cursor_guard_of_one_list_raises():
    guard = CursorGuard()
    for after in ("a", "b", None):
        guard.check(after, "owners")
    with pytest.raises(MalformedAnswer, match="owners"):
        guard.check("a", "owners")


def test_many_loads_share_two_threads_without_locking_each_other_out():
    account = Account()
    for number in range(8):
        account.add(deal(str(number), f"Deal {number}"), **spread(110))
    with ThreadPoolExecutor(2) as executor, ThreadPoolExecutor(8) as readers:
        loader = DealLoader(account.connect, refresher_of(account, executor), executor, lambda: STARTED)
        keys = [DealKey("name", f"deal {number}") for number in range(8)]
        loaded = list(readers.map(lambda key: load_one(loader, key, Deadline(60)), keys))
    assert [len(one.events) for one in loaded] == [770] * 8
    assert account.calls["owners"] == 1


class Stuck(Account):
    def __init__(self):
        super().__init__()
        self.release = threading.Event()

    def find_deals(self, search):
        self.release.wait()
        return RecordPage([], None)


def test_a_call_that_does_not_come_back_holds_nobody_past_the_deadline():
    account = Stuck()
    with ThreadPoolExecutor(2) as executor:
        loader = DealLoader(account.connect, refresher_of(account, executor), executor, lambda: STARTED)
        try:
            with pytest.raises(TimedOut):
                load_one(loader, ACME, Deadline(0.1))
        finally:
            account.release.set()


def test_a_load_that_meets_a_closed_executor_fails_at_once():
    account = Account()
    account.add(deal(), notes=["1"])
    with ThreadPoolExecutor(2) as executor:
        cold, warm = (
            DealLoader(account.connect, refresher_of(account, executor), executor, lambda: STARTED) for _ in range(2)
        )
        load_one(warm, ACME, Deadline(10))
    for loader in (cold, warm):
        with pytest.raises(Unavailable, match="shut down"):
            load_one(loader, ACME, Deadline(10))
