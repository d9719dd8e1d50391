"""The times of stages in ``deal_info``, against a real MongoDB."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from dealcache.model.deals import DealKey
from dealcache.model.invalidation import Changes
from dealcache.model.stage_history import StageTime
from dealcache.repositories import Connection, DealInfoRepository
from dealcache.repositories.lists.version import ListVersion
from tests.unit.repositories.samples import a_deal, at

DEAL = DealKey("id", "1")
TIMES = (StageTime("$odd.id", at(1), at(3)), StageTime("won", at(3) + timedelta(microseconds=1_900)))
STORED = (StageTime("$odd.id", at(1), at(3)), StageTime("won", at(3) + timedelta(milliseconds=1)))


@pytest.fixture
def deals(connection: Connection) -> DealInfoRepository:
    return DealInfoRepository(connection)


def document(connection: Connection) -> dict[str, Any]:
    with connection.operation() as database:
        return database.deal_info.find_one({"deal_id": "1"}) or {}


def test_times_come_back_to_the_millisecond(deals: DealInfoRepository) -> None:
    deals.store([a_deal(stage_times=TIMES)], at(10))

    assert deals.find(DEAL)[0].deal.stage_times == STORED
    assert deals.stored(["1"])["1"].deal.stage_times == STORED


def test_a_deal_whose_times_were_not_read_has_no_such_field_and_takes_none_away(
    connection: Connection, deals: DealInfoRepository
) -> None:
    deals.store([a_deal()], at(10))
    assert "stage_times" not in document(connection)
    assert deals.find(DEAL)[0].deal.stage_times is None
    deals.store([a_deal(stage_times=())], at(11))
    assert deals.find(DEAL)[0].deal.stage_times == ()

    deals.store([a_deal(stage_times=TIMES)], at(12))
    deals.store([a_deal(amount=5.0)], at(13))

    assert deals.find(DEAL)[0].deal == a_deal(amount=5.0, stage_times=STORED)


def test_a_changed_time_moves_the_lists_and_no_view(connection: Connection, deals: DealInfoRepository) -> None:
    deals.store([a_deal(stage_times=TIMES)], at(10))
    before = ListVersion(connection).read().version

    assert deals.store([a_deal(stage_times=TIMES)], at(11)) == Changes()
    assert ListVersion(connection).read().version == before
    assert deals.store([a_deal(stage_times=TIMES[:1])], at(12)) == Changes()
    assert ListVersion(connection).read().version > before


def test_damaged_times_are_left_out(connection: Connection, deals: DealInfoRepository) -> None:
    deals.store([a_deal(stage_times=TIMES)], at(10))
    good = {"stage_id": "won", "entered_at": at(3), "exited_at": "never"}
    held = [None, 5, {"stage_id": 7}, {"stage_id": "a", "entered_at": "soon"}, good]
    with connection.operation() as database:
        database.deal_info.update_one({"deal_id": "1"}, {"$set": {"stage_times": held}})

    assert deals.find(DEAL)[0].deal.stage_times == (StageTime("won", at(3)),)
