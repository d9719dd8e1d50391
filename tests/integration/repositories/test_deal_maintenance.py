"""The questions of syncs about stored deals, against a real MongoDB."""

from __future__ import annotations

import pytest

from dealcache.model.deals import DealKey
from dealcache.repositories import Connection, DealInfoRepository, StoredDeal
from tests.integration.conftest import Profiled
from tests.unit.repositories.samples import NOON, a_deal, at


@pytest.fixture
def deals(connection: Connection) -> DealInfoRepository:
    return DealInfoRepository(connection)


def test_stored_deals_by_id_archived_ones_too(deals: DealInfoRepository) -> None:
    archived = a_deal("2", archived=True, merged_ids=("7",))
    deals.store([a_deal("1"), archived, a_deal("3")], at(1))
    deals.note_timelines_synced(["1"], at(2))
    expected = {"1": StoredDeal(a_deal("1"), at(2), at(2)), "2": StoredDeal(archived, None)}
    assert deals.stored(["1", "2", "7", "unknown"]) == expected


def test_times_of_reading_only_go_forward(deals: DealInfoRepository, connection: Connection) -> None:
    deals.store([a_deal("1"), a_deal("2")], at(1))
    deals.note_timelines_synced(["1", "2"], at(5))
    deals.note_timelines_synced(["1"], at(4))
    deals.note_associations_read(["2", "unknown"], at(7))
    assert deals.timelines_synced_at(["1", "2"]) == {"1": at(5), "2": at(5)}
    with connection.operation() as database:
        found = database.deal_info.find({}, {"_id": 0, "associations_read_at": 1}, sort=[("deal_id", 1)]).to_list()
    assert [document["associations_read_at"] for document in found] == [at(5), at(7)]


def test_a_single_load_reads_the_associations_too(deals: DealInfoRepository) -> None:
    deals.store([a_deal("1"), a_deal("2")], at(1))
    deals.note_timelines_synced(["1"], at(5))
    assert deals.stalest(5, [], at(5)) == ["2"]


def test_open_deals_come_first_and_then_the_longest_unread(deals: DealInfoRepository) -> None:
    stages = {"1": "open", "2": "won", "3": "open", "4": "won", "5": "lost", "6": None, "7": "open"}
    deals.store([a_deal(deal_id, stage_id=stage) for deal_id, stage in stages.items()], NOON)
    for minute, deal_id in enumerate(["6", "5", "1", "2", "7"]):
        deals.note_associations_read([deal_id], at(minute))
    expected = ["3", "6", "1", "4", "5", "2"]
    for limit in range(8):
        assert deals.stalest(limit, ["won", "lost"], at(4)) == expected[:limit]
    deals.mark_archived(["3"], at(1))
    assert deals.stalest(9, ["won", "lost"], at(2)) == ["6", "4", "5"]
    assert deals.stalest(9, [], at(0)) == ["4"]


def test_what_is_stale_is_found_in_an_index(deals: DealInfoRepository, profiled: Profiled) -> None:
    deals.store([a_deal(str(number), stage_id="won" if number % 2 else "open") for number in range(200)], NOON)
    deals.note_associations_read([str(number) for number in range(180)], at(1))
    operations = profiled(lambda: deals.stalest(150, ["won"], at(2)))
    assert [operation["docsExamined"] for operation in operations] == [0, 0]
    assert not any("hasSortStage" in operation for operation in operations)


def test_deals_in_stages_and_their_number(deals: DealInfoRepository) -> None:
    deals.store([a_deal("1"), a_deal("2", stage_id="won"), a_deal("3", archived=True)], NOON)
    assert sorted(deals.ids_in_stages(["won", "contractsent"])) == ["1", "2"]
    assert deals.ids_in_stages([]) == []
    assert deals.live_count() == 2


def test_merged_and_archived_deals_are_found_by_an_index(deals: DealInfoRepository, profiled: Profiled) -> None:
    deals.store([a_deal(str(number), merged_ids=(f"m{number}",)) for number in range(50)], NOON)
    deals.mark_archived(["3", "4"], at(1))
    (operation,) = profiled(lambda: deals.find(DealKey("id", "m7")))
    assert operation["docsExamined"] == 1
    operations = profiled(lambda: deals.archived_since(at(1)))
    assert sum(operation["docsExamined"] for operation in operations) == 2
