"""Deals are added up once for each version of the lists."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from dealcache.repositories import StageTotal, StoreUnavailable
from dealcache.repositories.stage_totals import StageTotals
from tests.clocks import ManualClock


class Deals:
    """Adds up as many deals as it was asked times."""

    def __init__(self) -> None:
        self.asked = 0
        self.fails = False

    def totals(self) -> list[StageTotal]:
        self.asked += 1
        if self.fails:
            raise StoreUnavailable("MongoDB does not answer")
        return [StageTotal("default", "won", self.asked, 0.0)]


def test_they_are_added_up_once_for_a_version_and_again_after_a_minute():
    deals, clock = Deals(), ManualClock(100.0)
    totals = StageTotals(deals.totals, clock)
    with ThreadPoolExecutor(8) as pool:
        assert {one[0].count for one in pool.map(totals.at, [7] * 50)} == {1}
    assert totals.at(8)[0].count == 2
    clock.tick(59.0)
    assert totals.at(8)[0].count == 2
    clock.tick(1.0)
    assert totals.at(8)[0].count == 3


def test_a_failure_is_not_remembered():
    deals = Deals()
    totals = StageTotals(deals.totals, ManualClock(0.0))
    totals.at(1)
    deals.fails = True
    with pytest.raises(StoreUnavailable):
        totals.at(2)
    deals.fails = False
    assert totals.at(2)[0].count == 3
    assert totals.at(1)[0].count == 4
