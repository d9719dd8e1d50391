"""The deals, against a real MongoDB."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import pytest

from dealcache.deals import DealKey
from dealcache.repositories import Connection, DealInfoRepository, StageSummary
from tests.integration.conftest import Profiled
from tests.unit.repositories.samples import NOON, a_deal, at


@pytest.fixture
def deals(connection: Connection) -> DealInfoRepository:
    return DealInfoRepository(connection)


def raw(connection: Connection, deal_id: str = "1") -> dict[str, Any]:
    with connection.operation() as database:
        document = database.deal_info.find_one({"deal_id": deal_id}, {"_id": 0})
    assert document is not None
    return document


def ids(found: list[Any]) -> list[str]:
    return [stored.deal.deal_id for stored in found]


def test_a_deal_is_found_as_it_was_written(deals: DealInfoRepository) -> None:
    deals.store([a_deal()], NOON)
    (stored,) = deals.find(DealKey("id", "1"))
    assert stored.deal == a_deal()
    assert stored.timeline_synced_at is None


def test_by_name_all_deals_of_that_name_in_any_case(deals: DealInfoRepository) -> None:
    deals.store([a_deal("1"), a_deal("2", deal_name="ACME Renewal "), a_deal("3", deal_name="Acme")], NOON)
    assert sorted(ids(deals.find(DealKey("name", "acme renewal")))) == ["1", "2"]
    assert deals.find(DealKey("name", "acme renewal x")) == []
    assert deals.find(DealKey("id", "4")) == []


@pytest.mark.parametrize(
    "name", ["$where", "$deal_id", "$$ROOT", "a.b.$c", "{$ne: 1}", "Ünïcode 💶 名", "nul\0l", "\\"]
)
def test_names_are_data(deals: DealInfoRepository, name: str) -> None:
    deals.store([a_deal(deal_name="something else"), a_deal("2")], NOON)
    deals.store([a_deal(deal_name=name, owner="$stage", hubspot_updated_at=at(1))], at(1))
    (stored,) = deals.find(DealKey("name", name))
    assert (stored.deal.deal_id, stored.deal.deal_name, stored.deal.owner) == ("1", name, "$stage")


def test_an_older_version_changes_nothing_but_is_no_error(deals: DealInfoRepository, connection: Connection) -> None:
    deals.store([a_deal(hubspot_updated_at=at(5), stage="Won")], at(10))
    before = raw(connection)
    deals.store([a_deal(hubspot_updated_at=at(4), stage="Lost")], at(9))
    assert raw(connection) == before


def test_an_equal_version_is_written_when_it_was_read_later(deals: DealInfoRepository) -> None:
    deals.store([a_deal(owner="Ada")], at(10))
    deals.store([a_deal(owner="Ada Lovelace")], at(11))
    deals.store([a_deal(owner="Ada")], at(10))
    assert deals.find(DealKey("id", "1"))[0].deal.owner == "Ada Lovelace"


def test_fields_of_other_systems_survive(deals: DealInfoRepository, connection: Connection) -> None:
    deals.store([a_deal()], NOON)
    foreign = {"health": {"$score": 7, "a.b": [1]}, "timeline_synced_at": at(3)}
    with connection.operation() as database:
        database.deal_info.replace_one({"deal_id": "1"}, raw(connection) | foreign)
    deals.store([a_deal(hubspot_updated_at=at(5), amount=None)], at(5))
    deals.mark_archived(["1"], at(6))
    document = raw(connection)
    assert {name: document[name] for name in foreign} == foreign
    assert document["amount"] is None
    assert document["archived"] is True


def test_archived_deals_are_left_out_everywhere(deals: DealInfoRepository) -> None:
    deals.store([a_deal("1"), a_deal("2"), a_deal("3", archived=True)], NOON)
    deals.mark_archived(["1", "unknown"], at(1))
    assert ids(deals.all_deals()) == ids(deals.find(DealKey("name", "Acme renewal"))) == ["2"]
    assert ids(deals.deals_in_stages(["contractsent"])) == ["2"]
    assert deals.find(DealKey("id", "1")) == []
    assert deals.pipeline_summary() == [StageSummary("Contract sent", 1, 1500.0)]


def test_a_deal_that_was_read_after_it_was_said_to_be_gone_stays(deals: DealInfoRepository) -> None:
    deals.store([a_deal()], at(10))
    deals.mark_archived(["1"], at(9))
    assert ids(deals.all_deals()) == ["1"]


def test_a_load_that_began_before_the_deal_was_gone_does_not_bring_it_back(deals: DealInfoRepository) -> None:
    deals.store([a_deal()], at(8))
    deals.mark_archived(["1"], at(10))
    deals.store([a_deal()], at(9))
    assert deals.all_deals() == []
    deals.store([a_deal()], at(11))
    assert ids(deals.all_deals()) == ["1"]


def test_lists_are_newest_created_first(deals: DealInfoRepository) -> None:
    created = {"1": at(1), "2": at(3), "3": None, "4": at(2)}
    stages = {"1": "a", "2": "b", "3": "a", "4": "c"}
    deals.store([a_deal(key, create_date=created[key], stage_id=stages[key]) for key in created], NOON)
    assert ids(deals.all_deals()) == ["2", "4", "1", "3"]
    assert ids(deals.deals_in_stages(["a", "c", "none"])) == ["4", "1", "3"]
    assert deals.deals_in_stages([]) == []


def test_the_summary_counts_by_label_with_most_deals_first(deals: DealInfoRepository) -> None:
    stages = [("a", "Won", 10.5), ("b", "Won", None), ("c", "Lost", 1.0), ("d", "Apt", 2.0), ("e", None, 3.0)]
    deals.store([a_deal(key, stage_id=key, stage=label, amount=sum_) for key, label, sum_ in stages], NOON)
    deals.store([a_deal("f", stage_id=None, stage=None, amount=None)], NOON)
    assert deals.pipeline_summary() == [
        StageSummary("Won", 2, 10.5),
        StageSummary(None, 1, 0.0),
        StageSummary("Apt", 1, 2.0),
        StageSummary("Lost", 1, 1.0),
        StageSummary("e", 1, 3.0),
    ]


def test_nothing_to_write_is_no_error(deals: DealInfoRepository) -> None:
    deals.store([], NOON)
    deals.mark_archived([], NOON)


def test_of_many_writers_at_once_the_newest_wins(deals: DealInfoRepository, connection: Connection) -> None:
    writers = 20
    for round_ in range(5):
        deal_id = f"race-{round_}"
        start = threading.Barrier(writers)

        def write(minute: int, deal_id: str = deal_id, start: threading.Barrier = start) -> None:
            start.wait(10)
            deals.store([a_deal(deal_id, hubspot_updated_at=at(minute), amount=float(minute))], NOON)

        order = Random(round_).sample(range(writers), writers)
        with ThreadPoolExecutor(writers) as pool:
            list(pool.map(write, order))
        with connection.operation() as database:
            assert database.deal_info.count_documents({"deal_id": deal_id}) == 1
        (stored,) = deals.find(DealKey("id", deal_id))
        assert (stored.deal.hubspot_updated_at, stored.deal.amount) == (at(writers - 1), float(writers - 1))


def test_every_look_up_uses_an_index(deals: DealInfoRepository, profiled: Profiled) -> None:
    deals.store([a_deal(str(number), deal_name=f"Deal {number}", stage_id=str(number)) for number in range(50)], NOON)
    look_ups = [
        lambda: deals.find(DealKey("id", "7")),
        lambda: deals.find(DealKey("name", "deal 7")),
        lambda: deals.deals_in_stages(["7"]),
        lambda: deals.timelines_synced_at(["7"]),
    ]
    for look_up in look_ups:
        (operation,) = profiled(look_up)
        assert operation["docsExamined"] == 1
    (operation,) = profiled(deals.all_deals)
    assert "hasSortStage" not in operation
