"""Totals of lists of deals are remembered for a version, and for a minute; pages count only if lists are unchanged."""

from __future__ import annotations

from typing import Any

import pytest

from dealcache.model.deal_filter import DealFilter, Order, Place
from dealcache.reader.list_pages import ListPages, PageQuestion
from dealcache.repositories import ListTotal
from tests.clocks import ManualClock

ASKED = PageQuestion(DealFilter(), Order(), Place(1, None, "17"), 5)


class Deals:
    """A repository without deals that remembers what it was asked.

    It counts as many deals as it was asked times, or none if it is known with which value they begin.
    """

    def __init__(self, first: object = None, far: bool = False) -> None:
        self.first = first
        self.far = far
        self.added_up = 0
        self.pages: list[Any] = []

    def total(self, *_asked: Any) -> ListTotal:
        self.added_up += 1
        return ListTotal(self.added_up, 0.0)

    def total_and_first(self, *_asked: Any) -> tuple[ListTotal, Any]:
        return (self.total() if self.first is None else ListTotal(0, 0.0)), self.first

    def page(self, *asked: Any) -> tuple[list[Any], bool]:
        self.pages.append(asked[-2:])
        return [], False

    def is_far(self, *_asked: Any) -> bool:
        return self.far


class NoDeals(Deals):
    """A repository that counts no deals, which contradicts no first page."""

    def total(self, *_asked: Any) -> ListTotal:
        return ListTotal(0, 0.0)


class Lists:
    """Lists of these versions, one after the other; what is read while they are known is ``unchanged`` or not."""

    def __init__(self, *versions: int, unchanged: bool | None = None) -> None:
        self.versions = list(versions)
        self._unchanged = unchanged

    def __call__(self) -> int:
        return self.versions.pop(0)

    def unchanged(self) -> Any:
        return None if self._unchanged is None else Known(self._unchanged)


class Known:
    """Lists are known to have version 7."""

    version = 7

    def __init__(self, unchanged: bool) -> None:
        self._unchanged = unchanged

    def __bool__(self) -> bool:
        return self._unchanged


def pages_of(deals: Any, lists: Any, clock: ManualClock) -> ListPages:
    return ListPages(deals, lists, lambda _version: [], clock)


def test_totals_are_added_up_once_for_a_version_and_again_after_a_minute() -> None:
    clock = ManualClock(100.0)
    pages = pages_of(Deals(), Lists(7, 7, 8, 8, 8, 8), clock)

    def total() -> int:
        return pages.read(ASKED).total.count

    assert [total(), total(), total()] == [1, 1, 2]
    clock.tick(59.0)
    assert total() == 2
    # Another system may have written deals, which gives lists no new version.
    clock.tick(1.0)
    assert [total(), total()] == [3, 3]


@pytest.mark.parametrize("unchanged", [True, False])
def test_a_page_is_read_at_once_if_its_total_is_known_and_again_unless_lists_are_unchanged(unchanged: bool) -> None:
    deals, lists = Deals(), Lists(7, 8, unchanged=unchanged)
    pages = pages_of(deals, lists, ManualClock(100.0))
    assert pages.read(ASKED).total.count == 1
    assert deals.pages == [(None, None)]  # nothing was known of the total
    assert pages.read(ASKED).total.count == (1 if unchanged else 2)
    assert lists.versions == ([8] if unchanged else [])
    (known, _), *again = deals.pages[1:]
    assert isinstance(known, Known)
    assert again == ([] if unchanged else [(None, None)])


def test_a_first_page_is_read_at_once_only_if_it_was_found_quickly_at_this_version() -> None:
    deals, lists = NoDeals(), Lists(7, 7, unchanged=True)
    pages = pages_of(deals, lists, ManualClock(100.0))
    by_name, by_amount = (PageQuestion(DealFilter(), Order(sort), None, 5) for sort in ("name", "amount"))
    pages.read(by_name)
    pages.read(by_amount)  # the total is known, but perhaps its deals are far to seek in this order
    assert not lists.versions
    assert deals.pages == [(None, None)] * 2
    for asked in (by_name, by_amount):
        pages.read(asked)
    assert [isinstance(known, Known) for known, _ in deals.pages[2:]] == [True, True]


def test_a_first_page_that_is_far_to_seek_is_not_read_before_the_version_is() -> None:
    deals, lists = NoDeals(far=True), Lists(7, 7, unchanged=True)
    pages = pages_of(deals, lists, ManualClock(100.0))
    for _ in range(2):
        pages.read(ASKED._replace(after=None))
    assert not lists.versions
    assert deals.pages == [(None, None)] * 2


@pytest.mark.parametrize("unchanged", [True, False])
def test_a_page_is_read_from_where_deals_begin_unless_they_have_changed(unchanged: bool) -> None:
    deals = Deals(first=17)
    asked = ASKED._replace(after=None)
    pages_of(deals, Lists(7, unchanged=unchanged), ManualClock(100.0)).read(asked)
    (known, first), *again = deals.pages
    assert isinstance(known, Known)
    assert first == 17
    assert again == ([] if unchanged else [(None, None)])


@pytest.mark.parametrize(("asked", "version"), [(ASKED, 7), (ASKED._replace(after=None), 8)])
def test_no_later_page_and_none_of_another_version_is_read_from_there(asked: PageQuestion, version: int) -> None:
    deals = Deals(first=17)
    pages_of(deals, Lists(version, unchanged=True), ManualClock(100.0)).read(asked)
    assert deals.pages == [(None, None)]
