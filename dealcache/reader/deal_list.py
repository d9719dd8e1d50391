"""The list of deals: pages and totals for clients, rows for exports, and the totals that are remembered."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from datetime import datetime, tzinfo
from typing import Any, NamedTuple, TypeVar

from dealcache.model.deal_filter import DealFilter, Order
from dealcache.model.deal_properties import PropertyDefinition
from dealcache.model.deal_question import DealQuestion
from dealcache.model.labels import Labels, UnknownIds
from dealcache.model.unreadable import UnreadableRecords
from dealcache.reader.deal_cursor import decode_cursor, encode_cursor
from dealcache.reader.deal_resolution import resolve
from dealcache.reader.deal_rows import RowMaker, row_columns
from dealcache.reader.list_pages import ListPages, PageQuestion
from dealcache.reader.property_resolution import resolve_order
from dealcache.reader.property_views import definitions_of
from dealcache.reader.question_errors import UnknownLabelError
from dealcache.repositories import FoundDeal, ListTotal

Row = dict[str, Any]
T = TypeVar("T")


class ListPage(NamedTuple):
    """One page: its rows, the totals of all that match, and the cursor of the next page."""

    rows: list[Row]
    total: ListTotal
    next_cursor: str | None


class DealLists:
    """Answers questions for lists of deals. Thread-safe.

    Args:
        pages: reads them.
        bears: returns True if a deal has a value in a field, see :meth:`.DealListRepository.bears`.
        labels: returns the present labels.
        watermark: returns the moment up to which syncs have found every change.
        unreadable: counts the deals that cannot be shown.
        zone: the zone of all days.
        now: returns the present.
        completed: returns the labels for deals that lack some of those it is given.
        stage_history: True if rows show for how long deals have been in their stages.
        properties: the own properties that are configured.
    """

    def __init__(
        self,
        pages: ListPages,
        bears: Callable[[str, str], bool],
        labels: Callable[[], Labels],
        watermark: Callable[[], datetime | None],
        unreadable: UnreadableRecords,
        zone: tzinfo,
        now: Callable[[], datetime],
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
        self._pages = pages
        self._bears = bears
        self._labels = labels
        self._watermark = watermark
        self._unreadable = unreadable
        self._zone = zone
        self._now = now

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
        identity, order = question.identity, self._order(question)
        after = None if cursor is None else decode_cursor(cursor, order, identity)
        watermark, labels, wanted = self._begin(question)
        page = self._pages.read(PageQuestion(wanted, order, after, limit))
        rows = self._rows(page.deals, labels, watermark)
        following = encode_cursor(page.deals[-1].place, order, identity) if page.more else None
        return ListPage(rows, page.total, following)

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
        for found in self._pages.batches(wanted, order):
            yield self._rows(found, labels, watermark)

    def _begin(self, question: DealQuestion) -> tuple[datetime | None, Labels, DealFilter]:
        """Return the parts that must be read before the deals."""
        now, own = self._now(), self._properties
        labels, wanted = self._resolved(lambda labels: resolve(question, labels, self._bears, self._zone, now, own))
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
