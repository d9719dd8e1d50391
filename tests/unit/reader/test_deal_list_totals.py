"""Totals of lists of deals are remembered for a version, and for a minute."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dealcache.model.deal_filter import Place
from dealcache.model.deal_question import DealQuestion
from dealcache.model.labels import Labels
from dealcache.model.unreadable import UnreadableRecords
from dealcache.reader.deal_cursor import encode_cursor
from dealcache.reader.deal_list import DealLists
from dealcache.repositories import ListTotal
from tests.clocks import ManualClock


class Deals:
    """A repository that counts as many deals as it was asked times."""

    asked = 0
    bears = None

    def total(self, _wanted: Any, _of_stages: Any) -> ListTotal:
        self.asked += 1
        return ListTotal(self.asked, 0.0)

    def page(self, *_asked: Any) -> tuple[list[Any], bool]:
        return [], False


def test_they_are_added_up_once_for_a_version_and_again_after_a_minute() -> None:
    deals: Any = Deals()
    clock, versions = ManualClock(100.0), [7, 7, 8, 8, 8, 8]
    lists = DealLists(
        deals,
        Labels,
        lambda _version: [],
        lambda: versions.pop(0),
        lambda: None,
        UnreadableRecords(),
        UTC,
        lambda: datetime(2026, 11, 23, tzinfo=UTC),
        clock,
    )

    question = DealQuestion()
    cursor = encode_cursor(Place(1, None, "17"), question.order, repr(question))

    def total() -> int:
        return lists.page(question, 5, cursor).total.count

    assert [total(), total(), total()] == [1, 1, 2]
    clock.tick(59.0)
    assert total() == 2
    # Another system may have written deals, which gives lists no new version.
    clock.tick(1.0)
    assert [total(), total()] == [3, 3]
