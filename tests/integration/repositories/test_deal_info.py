"""The deals, against a real MongoDB."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import pytest
from bson import Decimal128

from dealcache.model.deal_filter import DealFilter
from dealcache.model.deals import DealKey
from dealcache.model.labels import LabelChanges
from dealcache.repositories import Connection, DealInfoRepository, DealListRepository, ListTotal, StageTotal
from dealcache.repositories.lists.amounts import LARGEST
from dealcache.repositories.lists.stage_totals import StageTotalRepository
from tests.integration.conftest import Profiled
from tests.integration.repositories.listed import all_deals, deals_in_stages
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
    deals.store([a_deal(deal_name=name, owner_id="$stage", hubspot_updated_at=at(1))], at(1))
    (stored,) = deals.find(DealKey("name", name))
    assert (stored.deal.deal_id, stored.deal.deal_name, stored.deal.owner_id) == ("1", name, "$stage")


def test_an_older_version_changes_nothing_but_is_no_error(deals: DealInfoRepository, connection: Connection) -> None:
    deals.store([a_deal(hubspot_updated_at=at(5), stage_id="won")], at(10))
    before = raw(connection)
    deals.store([a_deal(hubspot_updated_at=at(4), stage_id="lost")], at(9))
    assert raw(connection) == before


def test_an_equal_version_is_written_when_it_was_read_later(deals: DealInfoRepository) -> None:
    deals.store([a_deal(owner_id="1")], at(10))
    deals.store([a_deal(owner_id="2")], at(11))
    deals.store([a_deal(owner_id="1")], at(10))
    assert deals.find(DealKey("id", "1"))[0].deal.owner_id == "2"


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
    assert all_deals(deals) == ids(deals.find(DealKey("name", "Acme renewal"))) == ["2"]
    assert deals_in_stages(deals, ["contractsent"]) == ["2"]
    assert deals.find(DealKey("id", "1")) == []
    assert StageTotalRepository(deals._connection).add_up() == [StageTotal("default", "contractsent", 1, 1500.0)]


def test_a_deal_that_was_read_after_it_was_said_to_be_gone_stays(deals: DealInfoRepository) -> None:
    deals.store([a_deal()], at(10))
    deals.mark_archived(["1"], at(9))
    assert all_deals(deals) == ["1"]


def test_a_load_that_began_before_the_deal_was_gone_does_not_bring_it_back(deals: DealInfoRepository) -> None:
    deals.store([a_deal()], at(8))
    deals.mark_archived(["1"], at(10))
    deals.store([a_deal()], at(9))
    assert all_deals(deals) == []
    deals.store([a_deal()], at(11))
    assert all_deals(deals) == ["1"]


def test_lists_are_newest_created_first(deals: DealInfoRepository) -> None:
    created = {"1": at(1), "2": at(3), "3": None, "4": at(2)}
    stages = {"1": "a", "2": "b", "3": "a", "4": "c"}
    deals.store([a_deal(key, create_date=created[key], stage_id=stages[key]) for key in created], NOON)
    assert all_deals(deals) == ["2", "4", "1", "3"]
    assert deals_in_stages(deals, ["a", "c", "none"]) == ["4", "1", "3"]
    assert deals_in_stages(deals, []) == []


NAN, BEYOND = float("nan"), Decimal128("1E+999")


@pytest.mark.parametrize(
    ("odd", "total"), [([NAN, BEYOND, "7"], 10.5), ([1e308, 1e308], LARGEST), ([-1e308, -1e308], -LARGEST)]
)
def test_no_amount_of_another_system_takes_the_others_from_a_total(
    deals: DealInfoRepository, connection: Connection, odd: list[Any], total: float
) -> None:
    deals.store([a_deal(str(key), pipeline_id="p", stage_id="s", amount=10.5) for key in range(len(odd) + 1)], NOON)
    with connection.operation() as database:
        for key, amount in enumerate(odd):
            database.deal_info.update_one({"deal_id": str(key)}, {"$set": {"amount": amount}})
    assert StageTotalRepository(connection).add_up() == [StageTotal("p", "s", len(odd) + 1, total)]
    assert DealListRepository(connection).total(DealFilter()) == ListTotal(len(odd) + 1, total)


def test_a_label_of_an_earlier_version_stays_until_its_id_changes(
    deals: DealInfoRepository, connection: Connection
) -> None:
    deals.store([a_deal()], NOON)
    assert not {"owner", "stage", "pipeline"} & raw(connection).keys()
    with connection.operation() as database:
        labels = {"owner": "Ada", "stage": "Sent", "pipeline": "Sales"}
        database.deal_info.update_one({"deal_id": "1"}, {"$set": labels})
    assert not deals.store([a_deal()], at(1))
    deals.store([a_deal(hubspot_updated_at=at(1), owner_id="2")], at(2))
    (stored,) = deals.find(DealKey("id", "1"))
    assert (stored.deal.owner, stored.deal.stage, stored.deal.pipeline) == (None, "Sent", "Sales")


def test_deals_that_show_a_changed_label_are_found(deals: DealInfoRepository) -> None:
    shown = {"1": {"owner_id": "7"}, "2": {"stage_id": "s"}, "3": {"pipeline_id": "p"}, "4": {}}
    deals.store([a_deal(deal_id, **ids) for deal_id, ids in shown.items()], NOON)
    deals.store([a_deal("5", owner_id="7", archived=True)], NOON)
    changes = LabelChanges(frozenset({"7"}), frozenset({"s"}), frozenset({"p"}))
    assert sorted(deals.ids_showing(changes, 10)) == ["1", "2", "3"]
    assert len(deals.ids_showing(changes, 2)) == 2
    assert deals.ids_showing(LabelChanges(frozenset({"8"})), 10) == []


def test_nothing_to_write_is_no_error(deals: DealInfoRepository) -> None:
    deals.store([], NOON)
    deals.mark_archived([], NOON)


def test_of_many_writers_at_once_the_newest_wins(deals: DealInfoRepository, connection: Connection) -> None:
    writers = 20
    for round_ in range(5):
        deal_id = f"race-{round_}"
        start = threading.Barrier(writers)

        def write(minute: int, deal_id: str = deal_id, start: threading.Barrier = start) -> None:
            start.wait(60)
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
        lambda: deals_in_stages(deals, ["7"]),
        lambda: deals.timelines_synced_at(["7"]),
    ]
    for look_up in look_ups:
        (operation,) = profiled(look_up)
        assert operation["docsExamined"] == 1
    odd, operation = profiled(lambda: all_deals(deals))
    assert odd["docsExamined"] == 0
    assert "hasSortStage" not in operation
