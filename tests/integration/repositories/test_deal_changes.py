"""The changes that storing and archiving deals reports, against a real MongoDB."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

import pytest

from dealcache.model.deals import DealKey
from dealcache.model.invalidation import ACTIVITIES_COUNT, INFO, TIMELINE, Changes
from dealcache.repositories import Connection, DealInfoRepository
from dealcache.repositories.writes.plan import plan_writes
from tests.integration.repositories.listed import all_deals
from tests.integration.repositories.races import race
from tests.unit.repositories.samples import NOON, a_deal, at

ALL = {INFO, TIMELINE, ACTIVITIES_COUNT}

#: The names of a change of deal 1 alone: all of them, and by deal.
ACME = ({"Acme renewal"}, {"1": {"Acme renewal"}})


@pytest.fixture
def deals(connection: Connection) -> DealInfoRepository:
    return DealInfoRepository(connection)


def raw(connection: Connection, deal_id: str = "1") -> dict[str, Any]:
    with connection.operation() as database:
        return database.deal_info.find_one({"deal_id": deal_id}, {"_id": 0}) or {}


def live(deals: DealInfoRepository) -> set[str]:
    return set(all_deals(deals))


def test_only_what_is_seen_is_reported(deals: DealInfoRepository) -> None:
    other = partial(a_deal, "2", deal_name="Globex")
    assert deals.store([a_deal("1"), other()], at(1)) == Changes(
        {"1": ALL, "2": ALL}, {"Acme renewal", "Globex"}, {"1": {"Acme renewal"}, "2": {"Globex"}}
    )
    assert deals.store([a_deal("1"), other(hubspot_updated_at=at(1))], at(2)) == Changes()
    renamed = a_deal("1", deal_name="Acme 2027", hubspot_updated_at=at(2))
    changes = deals.store([renamed, other(hubspot_updated_at=at(2), amount=7.0)], at(3))
    assert changes == Changes(
        {"1": {INFO, TIMELINE}, "2": {INFO}},
        {"Acme renewal", "Acme 2027", "Globex"},
        {"1": {"Acme renewal", "Acme 2027"}, "2": {"Globex"}},
    )
    assert deals.store([a_deal("1")], at(4)) == Changes()
    assert deals.find(DealKey("id", "1"))[0].deal == renamed


def test_a_deal_that_was_modified_unseen_may_now_be_the_one_meant_by_a_shared_name(deals: DealInfoRepository) -> None:
    deals.store([a_deal("1"), a_deal("2")], at(1))
    assert deals.store([a_deal("2", hubspot_updated_at=at(1))], at(2)) == Changes({}, {"Acme renewal"})


def test_a_confirmed_deal_is_marked_as_seen(deals: DealInfoRepository, connection: Connection) -> None:
    deals.store([a_deal("1"), a_deal("2", archived=True)], at(1))
    deals.store([a_deal("1"), a_deal("2", archived=True)], at(2))
    assert (raw(connection)["synced_at"], raw(connection, "2")["synced_at"]) == (at(2), at(2))


def test_of_a_deal_that_is_given_twice_the_newest_version_counts(deals: DealInfoRepository) -> None:
    deals.store([a_deal(hubspot_updated_at=at(2), stage_id="won"), a_deal(stage_id="lost")], at(3))
    assert deals.find(DealKey("id", "1"))[0].deal.stage_id == "won"


def test_fractions_of_milliseconds_are_no_change(deals: DealInfoRepository) -> None:
    fraction = 0.0000005
    deal = a_deal(create_date=at(fraction), hubspot_updated_at=at(fraction))
    deals.store([deal], at(1))
    assert deals.store([deal], at(1 + fraction)) == Changes()
    deals.mark_archived(["1"], at(1))
    assert live(deals) == set()


def test_archiving_reports_the_deals_that_were_live(deals: DealInfoRepository, connection: Connection) -> None:
    deals.store([a_deal("1"), a_deal("2", archived=True), a_deal("3", deal_name="Later")], at(1))
    deals.store([a_deal("3", deal_name="Later")], at(9))
    assert deals.mark_archived(["1", "2", "3", "4"], at(5)) == Changes({"1": ALL}, *ACME)
    assert deals.mark_archived(["1"], at(6)) == Changes()
    assert (raw(connection)["archived_at"], raw(connection)["synced_at"]) == (at(5), at(6))


def test_an_archived_deal_comes_back_only_by_what_was_read_later(deals: DealInfoRepository) -> None:
    deals.store([a_deal()], at(1))
    deals.mark_archived(["1"], at(5))
    changed_before = a_deal(hubspot_updated_at=at(3))
    assert deals.store([changed_before], at(4)) == Changes()
    assert live(deals) == set()
    assert deals.store([changed_before], at(6)) == Changes({"1": ALL}, *ACME)
    assert live(deals) == {"1"}


def test_after_a_complete_load_the_unseen_are_archived(
    deals: DealInfoRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dealcache.repositories.writes.deals._BATCH", 3)
    deals.store([a_deal(str(number), deal_name=f"Deal {number}") for number in range(10)], at(1))
    deals.store([a_deal("7", deal_name="Deal 7")], at(5))
    changes = deals.archive_unseen(at(5))
    gone = {str(number) for number in range(10)} - {"7"}
    names = {number: {f"Deal {number}"} for number in gone}
    assert changes == Changes(dict.fromkeys(gone, ALL), set().union(*names.values()), names)
    assert live(deals) == {"7"}
    assert deals.archive_unseen(at(5)) == Changes()
    deals.store([a_deal("3")], at(4))
    assert live(deals) == {"7"}


def test_deals_that_were_archived_since_then(deals: DealInfoRepository) -> None:
    deals.store([a_deal("1"), a_deal("2"), a_deal("3"), a_deal("4", archived=True)], at(1))
    deals.mark_archived(["1"], at(4))
    deals.mark_archived(["1", "2"], at(6))
    deals.store([a_deal("3", archived=True)], at(7))
    assert sorted(deals.archived_since(at(0))) == ["1", "2", "3", "4"]
    assert sorted(deals.archived_since(at(6))) == ["2", "3"]
    deals.store([a_deal("2"), a_deal("9", merged_ids=("3",))], at(8))
    assert deals.archived_since(at(6)) == []


# Merges


def test_an_id_that_was_merged_away_leads_to_the_deal_that_remains(deals: DealInfoRepository) -> None:
    deals.store([a_deal("1"), a_deal("2", deal_name="Other"), a_deal("3", deal_name="Bystander")], at(1))
    merged = a_deal("9", merged_ids=("1", "2", "404"), hubspot_updated_at=at(2))
    changes = deals.store([merged], at(3))
    assert changes.views == dict.fromkeys(["9", "1", "2", "404"], ALL)
    assert changes.names == {"Acme renewal", "Other"}
    assert changes.names_of == {"9": {"Acme renewal"}, "1": {"Acme renewal"}, "2": {"Other"}}
    for deal_id in ("9", "1", "2", "404"):
        assert [stored.deal for stored in deals.find(DealKey("id", deal_id))] == [merged]
    assert live(deals) == {"9", "3"}
    assert deals.store([merged], at(4)) == Changes()


def test_merges_are_followed_to_their_end(deals: DealInfoRepository) -> None:
    deals.store([a_deal("9", merged_ids=("1",))], at(1))
    deals.store([a_deal("10", merged_ids=("9",))], at(2))
    deals.store([a_deal("11", merged_ids=("10",))], at(3))
    assert [stored.deal.deal_id for stored in deals.find(DealKey("id", "1"))] == ["11"]
    deals.mark_archived(["11"], at(4))
    assert deals.find(DealKey("id", "1")) == []


def test_a_circle_of_merges_leads_nowhere(deals: DealInfoRepository) -> None:
    deals.store([a_deal("1", merged_ids=("2",), archived=True), a_deal("2", merged_ids=("1",), archived=True)], at(1))
    assert deals.find(DealKey("id", "1")) == []


def test_a_deal_that_kept_its_id_in_a_merge_stays(deals: DealInfoRepository) -> None:
    deals.store([a_deal("1", merged_ids=("1", "2")), a_deal("2")], at(1))
    assert live(deals) == {"1"}
    assert [stored.deal.deal_id for stored in deals.find(DealKey("id", "2"))] == ["1"]


@pytest.mark.parametrize("read", [1, 9])
def test_a_merged_deal_never_comes_back(deals: DealInfoRepository, read: float) -> None:
    deals.store([a_deal("9", merged_ids=("1",))], at(5))
    assert deals.store([a_deal("1", hubspot_updated_at=at(4))], at(read)).views.keys() <= {"1"}
    assert live(deals) == {"9"}
    assert deals.store([a_deal("1", hubspot_updated_at=at(4))], at(read)) == Changes()


def test_a_deal_and_the_one_that_it_was_merged_into_are_stored_at_once(deals: DealInfoRepository) -> None:
    for round_ in range(20):
        old, new = a_deal(f"old-{round_}"), a_deal(f"new-{round_}", merged_ids=(f"old-{round_}",))
        race(lambda number, pair=(old, new): deals.store([pair[number]], at(number)), 2)  # type: ignore[misc]
        assert deals.find(DealKey("id", old.deal_id))[0].deal.deal_id == new.deal_id
    assert live(deals) == {f"new-{round_}" for round_ in range(20)}


# Races


@pytest.fixture
def overtaken(deals: DealInfoRepository, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Changes]:
    """Stores a deal and lets something else happen in between: after it has read what is stored."""

    def store_while(action: Callable[[], object], deal: Any, read_at: float) -> Changes:
        def plan(*arguments: Any) -> Any:
            monkeypatch.undo()
            action()
            return plan_writes(*arguments)

        monkeypatch.setattr("dealcache.repositories.writes.batches.plan_writes", plan)
        return deals.store([deal], at(read_at))

    return store_while


def test_a_deal_that_is_archived_while_it_is_confirmed_stays_as_was_read_last(deals: Any, overtaken: Any) -> None:
    deals.store([a_deal()], at(1))
    changes = overtaken(lambda: deals.mark_archived(["1"], at(5)), a_deal(), 6)
    assert live(deals) == {"1"}
    assert changes.views == {"1": ALL}
    overtaken(lambda: deals.mark_archived(["1"], at(8)), a_deal(), 7)
    assert live(deals) == set()


def test_a_change_that_was_overtaken_reports_what_it_replaced(deals: Any, overtaken: Any) -> None:
    deals.store([a_deal()], at(1))
    between = a_deal(deal_name="Between", hubspot_updated_at=at(2))
    back = a_deal(hubspot_updated_at=at(3))
    changes = overtaken(lambda: deals.store([between], at(2)), back, 3)
    both = {"Between", "Acme renewal"}
    assert changes == Changes({"1": {INFO, TIMELINE}}, both, {"1": both})
    assert deals.find(DealKey("id", "1"))[0].deal == back


def test_a_deal_that_appears_meanwhile_is_no_duplicate(deals: Any, overtaken: Any) -> None:
    newer = a_deal(hubspot_updated_at=at(2))
    assert overtaken(lambda: deals.store([newer], at(2)), a_deal(amount=1.0), 1) == Changes()
    assert deals.find(DealKey("id", "1"))[0].deal == newer


def test_every_change_is_reported_by_somebody(deals: DealInfoRepository) -> None:
    writers = 12
    for round_ in range(5):
        deal_id = f"race-{round_}"
        order = Random(round_).sample(range(writers), writers)

        def store(number: int, deal_id: str = deal_id, order: list[int] = order) -> Changes:
            minute = order[number]
            return deals.store([a_deal(deal_id, hubspot_updated_at=at(minute), deal_name=f"Name {minute}")], NOON)

        reported = Changes()
        for changes in race(store, writers):
            reported.add(changes)
        assert reported.views == {deal_id: ALL}
        assert f"Name {writers - 1}" in reported.names
        assert deals.find(DealKey("id", deal_id))[0].deal.deal_name == f"Name {writers - 1}"
