"""The list of deals: pages and totals for clients, rows for exports, and the totals that are remembered."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Sequence
from datetime import datetime, tzinfo
from functools import partial
from typing import Any, NamedTuple, TypeVar

from cachetools import TTLCache

from dealcache.model.deal_filter import DealFilter, Order, Place
from dealcache.model.deal_properties import PropertyDefinition
from dealcache.model.deal_question import DealQuestion
from dealcache.model.labels import Labels, UnknownIds
from dealcache.model.unreadable import UnreadableRecords
from dealcache.reader.deal_cursor import decode_cursor, encode_cursor
from dealcache.reader.deal_resolution import resolve
from dealcache.reader.deal_rows import RowMaker, row_columns
from dealcache.reader.property_resolution import resolve_order
from dealcache.reader.property_views import definitions_of
from dealcache.reader.question_errors import UnknownLabelError
from dealcache.repositories import DealListRepository, FoundDeal, ListTotal, Spot, StageTotal

Row = dict[str, Any]
T = TypeVar("T")

#: Totals and pages that are remembered at most, and for how many seconds: other systems write deals without a new
#: version.
_MOST_REMEMBERED, _REMEMBERED_SECONDS = 256, 60.0

#: Deals of the longest page that is remembered.
_LONGEST_REMEMBERED = 100

_PageKey = tuple[int, DealFilter, Order, Place | None, int]

#: Deals of an export to read and show at once: some three milliseconds, during which cached reads wait.
EXPORT_BATCH = 100


class ListPage(NamedTuple):
    """One page: its rows, the totals of all that match, and the cursor of the next page."""

    rows: list[Row]
    total: ListTotal
    next_cursor: str | None


class DealLists:
    """Answers questions for lists of deals. Thread-safe.

    Args:
        deals: reads them.
        labels: returns the present labels.
        stage_totals: returns the totals of all stages, as of a version of the lists or later.
        prepare: brings MongoDB's lists up to date, and returns the version of their contents.
        watermark: returns the moment up to which syncs have found every change.
        unreadable: counts the deals that cannot be shown.
        zone: the zone of all days.
        now: returns the present.
        timer: the monotonic clock, in seconds.
        completed: returns the labels for deals that lack some of those it is given.
        stage_history: True if rows show for how long deals have been in their stages.
        properties: the own properties that are configured.
    """

    def __init__(
        self,
        deals: DealListRepository,
        labels: Callable[[], Labels],
        stage_totals: Callable[[int], Sequence[StageTotal]],
        prepare: Callable[[], int],
        watermark: Callable[[], datetime | None],
        unreadable: UnreadableRecords,
        zone: tzinfo,
        now: Callable[[], datetime],
        timer: Callable[[], float] = time.monotonic,
        completed: Callable[[Labels], Labels] = lambda known: known,
        *,
        stage_history: bool = False,
        properties: Sequence[str] = (),
    ) -> None:
        #: The fields of a row, in order.
        self.columns = row_columns(stage_history=stage_history)
        self._stage_history = stage_history
        self._properties = properties
        self._completed = completed
        self._deals = deals
        self._labels = labels
        self._stage_totals = stage_totals
        self._prepare = prepare
        self._watermark = watermark
        self._unreadable = unreadable
        self._zone = zone
        self._now = now
        self._totals: TTLCache[tuple[int, DealFilter], ListTotal] = TTLCache(
            _MOST_REMEMBERED, _REMEMBERED_SECONDS, timer
        )
        self._pages: TTLCache[_PageKey, tuple[list[Spot], bool]] = TTLCache(
            _MOST_REMEMBERED, _REMEMBERED_SECONDS, timer
        )
        self._lock = threading.Lock()

    def page(self, question: DealQuestion, limit: int, cursor: str | None) -> ListPage:
        """Return one page of a list.

        Args:
            question: which deals, in which order.
            limit: how many.
            cursor: that of the previous page; None for the first page.

        Raises:
            QuestionError: there is no such stage, pipeline, owner or property, or a value of a property is none.
            InvalidCursorError: the cursor does not belong to this question.
            StoreError: MongoDB failed.
        """
        asked, order = question.identity, self._order(question)
        after = None if cursor is None else decode_cursor(cursor, order, asked)
        watermark, labels, wanted = self._begin(question)
        version = self._prepare()
        total = self._total(version, wanted)
        found, more = self._page(version, wanted, order, after, limit, total.count)
        if _contradicts(found, more, total, is_first=after is None):  # another system has written deals meanwhile
            total = self._total(self._prepare(), wanted, again=True)
        rows = self._rows(found, labels, watermark)
        following = encode_cursor(found[-1].place, order, asked) if more else None
        return ListPage(rows, total, following)

    def _page(
        self, version: int, wanted: DealFilter, order: Order, after: Place | None, limit: int, matching: int
    ) -> tuple[list[FoundDeal], bool]:
        """Return a page; of one that took long to find at the same version only the deals are read again."""
        key = version, wanted, order, after, limit
        with self._lock:
            spots, more = self._pages.get(key, ([], False))
        found = self._deals.again(spots, order) if spots else None
        if found is None:
            found, more = self._deals.page(wanted, order, after, limit, matching)
            if 0 < len(found) <= _LONGEST_REMEMBERED and self._deals.is_far(wanted, order):
                with self._lock:
                    self._pages[key] = [one.spot for one in found], more
        return found, more

    def properties(self) -> dict[str, PropertyDefinition]:
        """Return the present definitions of the own properties that rows show, in the order of the configuration."""
        return definitions_of(self._properties, self._labels())

    def check_cursor(self, question: DealQuestion, cursor: str | None) -> None:
        """Raise InvalidCursorError if there is a cursor that does not belong to this question."""
        if cursor is not None:
            decode_cursor(cursor, self._order(question), question.identity)

    def batches(self, question: DealQuestion) -> Generator[list[Row], None, None]:
        """Yield all rows of a list, some hundred at a time. Nothing is kept open in MongoDB in between.

        Raises:
            QuestionError: as for :meth:`page`; StoreError: MongoDB failed.
        """
        order = self._order(question)
        watermark, labels, wanted = self._begin(question)
        matching = self._total(self._prepare(), wanted).count
        after: Place | None = None
        more = True
        while more:
            found, more = self._deals.page(wanted, order, after, EXPORT_BATCH, matching)
            yield self._rows(found, labels, watermark)
            after = found[-1].place if found else None

    def _begin(self, question: DealQuestion) -> tuple[datetime | None, Labels, DealFilter]:
        """Return the parts that must be read before the deals."""
        bears, zone, now, own = self._deals.bears, self._zone, self._now(), self._properties
        labels, wanted = self._resolved(lambda labels: resolve(question, labels, bears, zone, now, own))
        return self._watermark(), labels, wanted

    def _order(self, question: DealQuestion) -> Order:
        """Return the order that a question means."""
        return self._resolved(lambda labels: resolve_order(question.order, labels, self._properties))[1]

    def _resolved(self, resolve_by: Callable[[Labels], T]) -> tuple[Labels, T]:
        """Return what labels resolve to, with these labels: another process may have just stored some that lack."""
        labels = self._labels()
        try:
            return labels, resolve_by(labels)
        except UnknownLabelError:
            labels = self._completed(labels)
            return labels, resolve_by(labels)

    def _total(self, version: int, wanted: DealFilter, *, again: bool = False) -> ListTotal:
        key = version, wanted
        with self._lock:
            known = None if again else self._totals.get(key)
        if known is None:
            # A contradiction tells of another system, of whose deals kept totals know nothing.
            kept = None if again else partial(self._stage_totals, version)
            known = self._deals.total(wanted, kept)
            with self._lock:
                self._totals[key] = known
        return known

    def _rows(self, found: Sequence[FoundDeal], labels: Labels, watermark: datetime | None) -> list[Row]:
        if labels.still_unknown(_shown_ids(found)):
            labels = self._completed(labels)
        now, history, own = self._now(), self._stage_history, self._properties
        maker = RowMaker(labels, watermark, self._zone, now, self._unreadable, stage_history=history, properties=own)
        return [maker.row(one) for one in found]


def _shown_ids(found: Sequence[FoundDeal]) -> UnknownIds:
    """Return the ids of which rows show labels."""
    owner_ids = frozenset(one for found_deal in found if (one := found_deal.values.get("owner_id")) is not None)
    return UnknownIds(
        owner_ids, frozenset((one.values.get("pipeline_id"), one.values.get("stage_id")) for one in found)
    )


def _contradicts(found: Sequence[FoundDeal], more: bool, total: ListTotal, *, is_first: bool) -> bool:
    """Return True if a page shows that a total is wrong."""
    least = len(found) + more
    return total.count < least or (is_first and not more and total.count > least)
