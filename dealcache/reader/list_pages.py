"""Pages of the list of deals, each with the total of all deals that match, and what is remembered of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import Any, NamedTuple

from dealcache.model.deal_filter import DealFilter, Order, Place
from dealcache.repositories import (
    DealListRepository,
    FoundDeal,
    ListPreparation,
    ListTotal,
    Spot,
    StageTotal,
    Unchanged,
)
from dealcache.repositories.recent_answers import RecentAnswers

#: Totals and pages that are remembered at most, and for how many seconds: other systems write deals without a new
#: version.
_MOST_REMEMBERED, _REMEMBERED_SECONDS = 256, 60.0

#: Deals of the longest page that is remembered.
_LONGEST_REMEMBERED = 100

#: Deals of an export to read at once: some three milliseconds, during which cached reads wait.
EXPORT_BATCH = 100


class PageQuestion(NamedTuple):
    """A question for one page: which deals, their order, the place after which they come, and how many."""

    wanted: DealFilter
    order: Order
    after: Place | None
    limit: int


class FoundPage(NamedTuple):
    """The deals of a page, the total of all that match, and True if more follow."""

    deals: list[FoundDeal]
    more: bool
    total: ListTotal

    def contradicts(self, *, is_first: bool) -> bool:
        """Return True if the deals show that the total is wrong."""
        least = len(self.deals) + self.more
        return self.total.count < least or (is_first and not self.more and self.total.count > least)


class ListPages:
    """Reads pages. Thread-safe.

    Every method raises StoreError when MongoDB fails.

    Args:
        deals: reads deals and adds them up.
        prepare: brings MongoDB's lists up to date, and returns the version of their contents.
        stage_totals: returns the totals of all stages, as of a version of the lists or later.
        timer: the monotonic clock, in seconds.
    """

    def __init__(
        self,
        deals: DealListRepository,
        prepare: ListPreparation,
        stage_totals: Callable[[int], Sequence[StageTotal]],
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._deals = deals
        self._prepare = prepare
        self._stage_totals = stage_totals
        self._totals = RecentAnswers[tuple[int, DealFilter], ListTotal](_REMEMBERED_SECONDS, timer, _MOST_REMEMBERED)
        self._pages = RecentAnswers[tuple[int, PageQuestion], tuple[list[Spot], bool]](
            _REMEMBERED_SECONDS, timer, _MOST_REMEMBERED
        )

    def read(self, asked: PageQuestion) -> FoundPage:
        """Return a page of the present version of lists."""
        found = self._unchanged(asked) or self._prepared(asked)
        if not found.contradicts(is_first=asked.after is None):
            return found
        # Another system has written deals meanwhile, of which kept totals know nothing.
        version, total = self._prepare(), self._deals.total(asked.wanted)
        self._totals.remember((version, asked.wanted), total)
        return found._replace(total=total)

    def batches(self, wanted: DealFilter, order: Order) -> Generator[list[FoundDeal], None, None]:
        """Yield all deals, some at a time. Nothing is kept open in MongoDB in between."""
        matching = self._total(self._prepare(), wanted, order)[0].count
        after: Place | None = None
        more = True
        while more:
            found, more = self._deals.page(wanted, order, after, EXPORT_BATCH, matching)
            yield found
            after = found[-1].place if found else None

    def _unchanged(self, asked: PageQuestion) -> FoundPage | None:
        """Return a page of the last known version if lists still have it, and the total is remembered.

        A first page must have been read at that version before, and found quickly or remembered: after a change, deals
        that are far to seek would otherwise be sought twice.
        """
        unchanged = self._prepare.unchanged()
        if unchanged is None:
            return None
        total = self._totals.known((unchanged.version, asked.wanted))
        if total is None or (asked.after is None and self._pages.known((unchanged.version, asked)) is None):
            return None
        page = self._page(unchanged.version, asked, total, unchanged)
        return page if unchanged else None

    def _prepared(self, asked: PageQuestion) -> FoundPage:
        """Return a page after lists were brought up to date."""
        version = self._prepare()
        total, first = self._total(version, asked.wanted, asked.order)
        unchanged = self._prepare.unchanged() if first is not None and asked.after is None else None
        if unchanged is not None and unchanged.version == version:
            page = self._page(version, asked, total, unchanged, first)
            if unchanged:  # otherwise there may be deals before the first one now
                return page
        return self._page(version, asked, total)

    def _page(
        self,
        version: int,
        asked: PageQuestion,
        total: ListTotal,
        unchanged: Unchanged | None = None,
        first: Any = None,
    ) -> FoundPage:
        """Return a page; of one that took long to find at the same version only the deals are read again.

        One that is found quickly is remembered without its deals.
        """
        key = version, asked
        spots, more = self._pages.known(key) or ([], False)
        found = self._deals.again(spots, asked.order, unchanged) if spots else None
        if found is None:
            found, more = self._deals.page(*asked, total.count, unchanged, first)
            is_far = self._deals.is_far(asked.wanted, asked.order)
            is_worth_it = 0 < len(found) <= _LONGEST_REMEMBERED if is_far else asked.after is None
            if (unchanged is None or unchanged) and is_worth_it:
                self._pages.remember(key, ([one.spot for one in found] if is_far else [], more))
        return FoundPage(found, more, total)

    def _total(self, version: int, wanted: DealFilter, order: Order) -> tuple[ListTotal, Any]:
        """Return a total, with the first value unless it is remembered; see :class:`.DealListRepository`."""
        known = self._totals.known((version, wanted))
        if known is not None:
            return known, None
        total, first = self._deals.total_and_first(wanted, order, partial(self._stage_totals, version))
        self._totals.remember((version, wanted), total)
        return total, first
