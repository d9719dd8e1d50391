from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dealcache.hubspot.errors import NotFound, RateLimited, TimedOut, Unauthorised, Unavailable
from dealcache.hubspot.loader import DealLoader
from dealcache.hubspot.pages import AssociationPage, RecordPage
from dealcache.model.deals import ENGAGEMENT_TYPES, DealKey, LoadedDeal
from tests.unit.hubspot.accounts import Account, VirtualPool, refresher_of, soon, spread
from tests.unit.hubspot.records import deal

STARTED = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture
def account():
    return Account()


@pytest.fixture
def pool(clock, account, monkeypatch):
    made = VirtualPool(clock, account)
    monkeypatch.setattr("dealcache.hubspot.worker_pool.SimpleQueue", made.queue)
    return made


@pytest.fixture
def load(account, pool, clock):
    """Loads deals by their names when owners and pipelines are known already; gives the outcomes by name."""
    loader = DealLoader(account.connect, refresher_of(account, pool, clock), pool, lambda: STARTED)
    account.add(deal("1", "Warm-up"))
    loader.load([DealKey("id", "1")], soon(clock), known_ids={})
    del account.deals["1"]
    account.calls.clear()
    account.searches.clear()
    account.association_reads.clear()

    def run(*names, seconds=15.0, **known_ids):
        keys = [DealKey("name", name) for name in names]
        known = {DealKey("name", name): ids for name, ids in known_ids.items()}
        outcomes = loader.load(keys, soon(clock, seconds), known_ids=known)
        assert list(outcomes) == keys
        return {key.value: outcome for key, outcome in outcomes.items()}

    return run


def ids_of(outcome):
    assert isinstance(outcome, LoadedDeal), outcome
    return [(event.engagement_type, event.engagement_id) for event in outcome.events]


def test_a_hundred_deals_are_three_round_trips_and_share_every_call(load, account, clock):
    for number in range(100):
        account.add(deal(str(number), f"Deal {number}"), **{kind: [f"9{number}"] for kind in ENGAGEMENT_TYPES})
    started = clock.now
    outcomes = load(*(f"Deal {number}" for number in range(100)))
    assert clock.now - started == pytest.approx(3 * 0.2)
    assert account.calls == {"search": 1} | {f"{kind} ids": 1 for kind in ENGAGEMENT_TYPES} | dict.fromkeys(
        ENGAGEMENT_TYPES, 1
    )
    for number in range(100):
        loaded = outcomes[f"Deal {number}"]
        assert loaded.deal.deal_id == str(number)
        assert loaded.deal.stage_id == "contractsent"
        assert {one for _, one in ids_of(loaded)} == {f"9{number}"}
        assert len(loaded.events) == 7
        assert loaded.read_started_at == STARTED


def test_pages_are_asked_for_once_for_all_deals_that_have_them(load, account, clock):
    sizes = {"a": 250, "b": 120, "c": 100, "d": 0}
    for number, (name, size) in enumerate(sizes.items()):
        account.add(deal(str(number), name), notes=[str(1000 * number + one) for one in range(size)])
    started = clock.now
    outcomes = load(*sizes)
    assert [deals for kind, deals in account.association_reads if kind == "notes"] == [
        ("0", "1", "2", "3"),
        ("0", "1"),
        ("0",),
    ]
    assert account.of("notes") == (3, 5)
    assert [number for _, number in account.batches] == [100, 100, 100, 100, 70]
    assert {name: len(outcomes[name].events) for name in sizes} == sizes
    assert clock.now - started == pytest.approx(5 * 0.2)


def test_an_activity_of_several_deals_is_read_once_and_belongs_to_each(load, account):
    account.add(deal("1", "a"), notes=["5", "6"])
    account.add(deal("2", "b"), notes=["6", "7"])
    outcomes = load("a", "b")
    assert [ids_of(outcomes[name]) for name in "ab"] == [
        [("notes", "5"), ("notes", "6")],
        [("notes", "6"), ("notes", "7")],
    ]
    assert account.batches == [("notes", 3)]


def test_names_that_differ_in_case_only_may_be_one_deal_or_several(load, account):
    account.add(deal("1", "twin", hs_lastmodifieddate="2026-11-02T00:00:00Z"), notes=["1"])
    account.add(deal("2", "TWIN"), notes=["2"])
    account.add(deal("3", "single"), notes=["3"])
    outcomes = load("twin", "TWIN", "Twin", "single", "SINGLE")
    chosen = {name: (one.deal.deal_id, [other.deal_id for other in one.homonyms]) for name, one in outcomes.items()}
    assert chosen == {
        "twin": ("1", ["2"]),
        "TWIN": ("2", ["1"]),
        "Twin": ("1", ["2"]),
        "single": ("3", []),
        "SINGLE": ("3", []),
    }
    assert [ids_of(outcomes[name]) for name in ("twin", "TWIN", "SINGLE")] == [
        [("notes", "1")],
        [("notes", "2")],
        [("notes", "3")],
    ]
    assert account.calls["search"] == 1
    assert account.of("notes") == (1, 1)


def test_unknown_names_among_known_ones_cost_one_search_more(load, account):
    account.add(deal("1", "a"))
    outcomes = load("a", "nobody", "nothing")
    assert ids_of(outcomes["a"]) == []
    assert {type(outcomes[name]) for name in ("nobody", "nothing")} == {NotFound}
    assert account.calls.total() == 9
    assert set(account.searches[1].worded) == {"nobody", "nothing"}


def test_nobody_known_costs_two_searches(load, account):
    assert {type(one) for one in load("a", "b").values()} == {NotFound}
    assert account.calls == {"search": 2}


def test_names_with_white_space_around_them_or_composed_in_another_way_are_found(load, account):
    names = {
        "1": "Padded deal ",
        "2": "\u00a0O'Brien & Sons\t",
        "3": "Cre\u0300me renewal",
        "4": "Ko\u0308ln Nord\n",
        "5": "👍 ",
    }
    for deal_id, name in names.items():
        account.add(deal(deal_id, name))
    outcomes = load("padded DEAL", "O'Brien & Sons", "Cr\u00e8me renewal", "K\u00f6ln Nord", "👍")
    names_with_words = [name for name in outcomes if name != "👍"]
    found = [one.deal.deal_id for one in outcomes.values() if not isinstance(one, NotFound)]
    assert found == ["1", "2", "3", "4", "5"]
    _first, doubtful, *further = account.searches
    assert set(doubtful.names) == {"Cr\u00e8me renewal", "K\u00f6ln Nord"}
    assert {name for search in further for name in search.worded} == set(names_with_words)
    assert len(further) == 2


def test_a_search_by_words_that_fails_fails_its_names_alone(load, account):
    account.add(deal("1", "found"))
    find_deals = account.find_deals

    def find(search):
        if search.worded:
            raise RateLimited("busy", retry_after=1)
        return find_deals(search)

    account.find_deals = find
    outcomes = load("found", "unknown")
    assert outcomes["found"].deal.deal_id == "1"
    assert isinstance(outcomes["unknown"], RateLimited)


def test_a_name_that_a_list_does_not_find_is_asked_for_alone_unless_it_is_plain(load, account):
    """As if HubSpot made small letters of capitals in its own way."""
    account.add(deal("1", "ΟΔΌΣ"))
    account.add(deal("2", "Café"))
    account.find_deals = without_lists_of("café", account.find_deals)
    outcomes = load("CAFÉ", "Other", "nobody", "ΟΔΌΣ", "Ünknown", "不明")
    assert (outcomes["CAFÉ"].deal.deal_id, outcomes["ΟΔΌΣ"].deal.deal_id) == ("2", "1")
    assert {type(outcomes[name]) for name in ("Other", "nobody", "Ünknown", "不明")} == {NotFound}
    first, second, third = account.searches
    assert set(first.listed) == {"CAFÉ", "Other", "nobody", "Ünknown", "不明"}
    assert first.single == ("ΟΔΌΣ",)
    assert (second.listed, set(second.single)) == ((), {"CAFÉ", "Ünknown"})
    assert set(third.worded) == {"Other", "nobody", "Ünknown", "不明"}


def without_lists_of(name, find_deals):
    def find(search):
        page = find_deals(search)
        if not search.listed:
            return page
        return RecordPage([one for one in page.records if one["properties"]["dealname"].lower() != name], page.after)

    return find


def test_what_the_search_does_not_know_yet_is_read_by_the_known_ids_of_all_names_together(load, account):
    account.add(deal("1", "new"), notes=["1"])
    account.add(deal("2", "other name"))
    account.add(deal("5", "found"))
    account.found_by_search = ["5"]
    outcomes = load("new", "renamed", "found", "gone", new=["1"], renamed=["2"], found=["7"], gone=["9", "8"])
    assert ids_of(outcomes["new"]) == [("notes", "1")]
    assert outcomes["found"].deal.deal_id == "5"
    assert [one.deal_id for one in outcomes["renamed"].renamed] == ["2"]
    assert (outcomes["gone"].renamed, outcomes["gone"].missing_ids) == ((), ("9", "8"))
    assert (account.calls["search"], account.calls["deals"]) == (2, 1)
    assert set(account.searches[1].worded) == {"renamed", "gone"}


def test_a_deal_that_others_were_merged_into_is_told_with_the_ids_that_are_gone(load, account):
    account.add(deal("3", "Winner"))
    account.merged = {"1": "3"}
    account.found_by_search = []
    outcomes = load("Loser", "Nobody", Loser=["1"])
    assert [one.deal_id for one in outcomes["Loser"].renamed] == ["3"]
    assert outcomes["Loser"].missing_ids == ("1",)
    assert (outcomes["Nobody"].renamed, outcomes["Nobody"].missing_ids) == ((), ())


@pytest.fixture
def outdated(load, account):
    """Loads as ``load`` does, from an account whose search still has deal 1 as ``Alpha``; by now it is ``Beta``."""
    account.add(deal("1", "Beta"))
    account.find_deals = lambda _search: RecordPage([deal("1", "Alpha")], None)
    return load


def test_a_deal_that_is_read_for_one_name_is_no_longer_found_under_another(outdated, account):
    outcomes = outdated("Alpha", "Beta", Beta=["1", "8"], Alpha=["8"])
    assert outcomes["Beta"].deal.deal_name == "Beta"
    assert isinstance(outcomes["Alpha"], NotFound)
    assert outcomes["Alpha"].missing_ids == ("8",)
    assert account.calls["deals"] == 1


def test_an_id_that_hubspot_refuses_is_not_taken_for_gone(outdated, account):
    account.add(deal("8", "Alpha"))
    account.refused.add(("deals", "8"))
    outcomes = outdated("Alpha", "Beta", Beta=["1", "8"], Alpha=["8"])
    assert [type(outcomes[name]) for name in ("Alpha", "Beta")] == [Unavailable, Unavailable]


def test_names_with_more_deals_than_anybody_wants_do_not_hide_others(load, account):
    account.most_found = 10
    for number in range(30):
        account.add(deal(str(number), "New deal"))
    names = [f"Deal {number}" for number in range(7)]
    for number, name in enumerate(names):
        account.add(deal(str(100 + number), name), notes=[str(number)])
    outcomes = load("New deal", *names)
    assert [outcomes[name].deal.deal_id for name in names] == [str(100 + number) for number in range(7)]
    assert len(outcomes["New deal"].homonyms) == 9
    assert account.calls["search"] == 7
    assert account.of("notes") == (1, 1)


def test_a_failing_search_fails_its_names_alone(load, account):
    long = ["x" * 511 + f"{number}" for number in range(6)]  # the sixth needs a search of its own
    account.add(deal("1", "short"), notes=["1"])
    find = account.find_deals

    def failing(search):
        if long[5] in search.names:
            raise Unavailable("down")
        return find(search)

    account.find_deals = failing
    outcomes = load("short", *long, "nobody")
    assert ids_of(outcomes["short"]) == [("notes", "1")]
    assert isinstance(outcomes["nobody"], NotFound)
    assert [type(outcomes[name]) for name in long] == [NotFound] * 5 + [Unavailable]


def test_a_failing_page_fails_the_deals_that_need_it_and_the_others_lose_nothing(load, account):
    account.add(deal("1", "small"), notes=["1", "2"], calls=["1"])
    account.add(deal("2", "large"), notes=[str(number) for number in range(100, 190)])
    account.page_size = 30  # so that all wait for a batch to be full, and for the page that does not come
    page = account.read_associations

    def failing(of_type, deals, kind):
        if "30" in deals.values():
            raise Unavailable("down")
        return page(of_type, deals, kind)

    account.read_associations = failing
    outcomes = load("large", "small")
    assert ids_of(outcomes["small"]) == [("calls", "1"), ("notes", "1"), ("notes", "2")]
    assert isinstance(outcomes["large"], Unavailable)


def test_of_several_failures_the_first_is_told(load, account):
    account.add(deal("1", "a"), calls=["1"], notes=["1"])
    account.add(deal("2", "b"), emails=["1"])
    account.failures = {"calls": Unauthorised("no"), "notes": Unavailable("down")}
    outcomes = load("a", "b")
    assert isinstance(outcomes["a"], Unauthorised)
    assert ids_of(outcomes["b"]) == [("emails", "1")]


def test_what_only_failed_deals_need_is_not_read(load, account):
    account.add(deal("1", "fails"), calls=["1"], notes=[str(number) for number in range(250)])
    account.add(deal("2", "small"), notes=["900"])
    account.failures = {"calls": Unavailable("down")}
    assert isinstance(load("fails", "small")["fails"], Unavailable)
    assert account.of("notes") == (2, 1)  # of three pages and three batches


def test_a_failing_batch_fails_the_deals_that_have_something_in_it(load, account):
    for name, number in (("a", 1), ("b", 2), ("c", 3)):
        account.add(deal(str(number), name), notes=[str(100 * number + one) for one in range(80)])
    read = account.read_records

    def failing(kind, ids):
        if "100" in ids:
            raise RateLimited("no", retry_after=1.0)
        return read(kind, ids)

    account.read_records = failing
    outcomes = load("a", "b", "c")
    assert {type(outcomes[name]) for name in "ab"} == {RateLimited}
    assert len(ids_of(outcomes["c"])) == 80


def test_when_no_deal_is_left_no_further_call_is_made(load, account, pool):
    account.add(deal("1", "a"), **spread(3))
    account.add(deal("2", "b"), **spread(3))
    account.failures = {"calls ids": Unauthorised("no")}
    outcomes = load("a", "b")
    assert {type(one) for one in outcomes.values()} == {Unauthorised}
    assert not account.batches
    pool.run_all()
    assert len(pool.cancelled) == 6


@pytest.mark.parametrize("names", [("small", "large"), ("large", "small")])
def test_when_the_time_is_over_the_deals_that_are_whole_are_kept(load, account, names):
    """Nor does a small deal wait for the further pages of a large one, whichever comes first."""
    account.add(deal("2", "small"), notes=["1"])
    account.add(deal("1", "large"), notes=[str(number) for number in range(100, 900)])
    outcomes = load(*names, seconds=0.9)
    assert isinstance(outcomes["large"], TimedOut)
    assert ids_of(outcomes["small"]) == [("notes", "1")]


@pytest.fixture
def sixty(account):
    """The names of sixty deals whose notes fill a batch each."""
    for number in range(60):
        ids = [str(1000 * number + one) for one in range(100)]
        account.add(deal(str(number), f"Deal {number}"), notes=ids)
    return [f"Deal {number}" for number in range(60)]


def test_a_large_load_leaves_threads_to_others(load, sixty, pool, clock):
    started = clock.now
    outcomes = load(*sixty)
    assert all(len(one.events) == 100 for one in outcomes.values())
    assert pool.most_at_once == 16
    assert clock.now - started == pytest.approx((2 + 60 / 16) * 0.2, abs=0.2)


def test_no_deal_is_taken_for_whole_whose_calls_had_not_even_begun(load, sixty):
    outcomes = load(*sixty, seconds=0.9)
    whole = [one for one in outcomes.values() if isinstance(one, LoadedDeal)]
    assert {len(one.events) for one in whole} == {100}
    assert len(whole) == 32
    assert sum(isinstance(one, TimedOut) for one in outcomes.values()) == 28


def test_calls_that_wait_for_their_turn_are_given_up_with_the_others(load, sixty, account):
    account.failures = {"postal_mail ids": Unauthorised("no")}
    assert {type(one) for one in load(*sixty).values()} == {Unauthorised}
    assert account.calls["notes"] < 16  # of sixty


@pytest.mark.parametrize("seconds", [0.0, 0.1, 0.3, 0.5])
def test_nobody_waits_past_the_deadline(load, account, clock, seconds):
    account.add(deal("1", "a"), **spread(3))
    account.add(deal("2", "b"), **spread(3))
    started = clock.now
    assert {type(one) for one in load("a", "b", seconds=seconds).values()} == {TimedOut}
    assert clock.now - started == pytest.approx(seconds)


def test_a_deal_that_is_merged_away_meanwhile_is_not_taken_for_one_without_activities(load, account):
    account.add(deal("1", "a"), notes=["1"])
    account.add(deal("2", "b"), notes=["2"])
    page = account.read_associations

    def merged(of_type, deals, kind):
        found = page(of_type, deals, kind)
        ids = {"9" if one == "1" and some else one: some for one, some in found.ids.items()}
        return AssociationPage(dict.fromkeys(deals, ()) | ids, found.after)

    account.read_associations = merged
    outcomes = load("a", "b")
    assert isinstance(outcomes["a"], Unavailable)
    assert ids_of(outcomes["b"]) == [("notes", "2")]


def test_without_owners_deals_are_loaded_all_the_same(account, pool, clock):
    loader = DealLoader(account.connect, refresher_of(account, pool, clock), pool, lambda: STARTED)
    account.add(deal("1", "a"))
    account.failures = {"owners": Unavailable("down")}
    outcomes = loader.load([DealKey("name", "a"), DealKey("name", "b")], soon(clock), known_ids={})
    assert [type(one) for one in outcomes.values()] == [LoadedDeal, NotFound]
