"""Pages of the list of deals, and the totals of all that match, read from ``deal_info``."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from dealcache.model.deal_filter import DealFilter, Order, Place, PropertyFilter
from dealcache.repositories.connection import Connection
from dealcache.repositories.documents import Document
from dealcache.repositories.hints import with_hint
from dealcache.repositories.lists.arrays import Arrays, stored_at
from dealcache.repositories.lists.found_deals import PROJECTION, FoundDeal, Spot, found_deal
from dealcache.repositories.lists.indexes import WORDS_INDEX, index_of, sort_of
from dealcache.repositories.lists.places import LONGEST_TEXT
from dealcache.repositories.lists.plan import Plan, plan_of
from dealcache.repositories.lists.query import (
    LISTED,
    PRESENT,
    Part,
    Step,
    parts_of,
    property_condition,
    steps_after,
    word_condition,
)
from dealcache.repositories.lists.rarest import RarestFirst
from dealcache.repositories.lists.run import Run
from dealcache.repositories.lists.stage_moves import StageTotal
from dealcache.repositories.lists.sums import ListSums
from dealcache.repositories.lists.totals import ListTotal
from dealcache.repositories.lists.unchanged import Unchanged, find_deals
from dealcache.repositories.recent_answers import RecentAnswers

_ID = {"_id": 1}
#: Seconds for which rough numbers of deals are remembered, which only decide how to read.
_SIZE_SECONDS = 60.0

#: Questions that are remembered at most as those whose first deals took long, or two reads, to find; and for how long.
_MOST_FAR, _FAR_SECONDS = 256, 60.0

#: Where a page takes so many times as long as the planned way may, MongoDB is busy: that this way took too long
#: tells nothing then.
_BUSY = 10

#: Of fewer deals that match it is no matter, and a shorter time is no long one.
_MANY, _LONG_SECONDS = 500, 0.002


class DealListRepository:
    """Reads lists of deals. Every method raises StoreError or StoreUnavailable when MongoDB fails.

    Args:
        connection: the database.
        timer: the monotonic clock, in seconds.
        further: what is read of a deal beside the fields that every deal has, as MongoDB's projection.
        home_currency: returns the company's currency, None while it is not known.
    """

    def __init__(
        self,
        connection: Connection,
        timer: Callable[[], float] = time.monotonic,
        further: Mapping[str, Any] = MappingProxyType({}),
        home_currency: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._connection = connection
        self._projection = {**PROJECTION, **further}
        self._timer = timer
        self._size = RecentAnswers[str, int](_SIZE_SECONDS, timer)
        self._arrays = Arrays(connection, timer)
        self._words = RarestFirst[str](connection, lambda word: (word_condition(word), WORDS_INDEX), timer)
        self._properties = RarestFirst[PropertyFilter](connection, property_condition, timer)
        self._sums = ListSums(connection, self._parts, self._deals, home_currency, timer)
        #: True where they are far away in the order.
        self._far = RecentAnswers[tuple[DealFilter, Order], bool](_FAR_SECONDS, timer, _MOST_FAR)

    def total(self, wanted: DealFilter, of_stages: Callable[[], Sequence[StageTotal]] | None = None) -> ListTotal:
        """Return the totals of all deals that match; see :meth:`total_and_first`."""
        return self._sums.total(wanted, of_stages)

    def total_and_first(
        self, wanted: DealFilter, order: Order, of_stages: Callable[[], Sequence[StageTotal]] | None = None
    ) -> tuple[ListTotal, Any]:
        """Return the totals of all deals that match, and the first value of the order that one of them has.

        Args:
            wanted: which deals.
            order: their order.
            of_stages: returns the totals of all stages, if they are kept.

        Returns:
            None for the value where it is not needed to find the first deals.
        """
        return self._sums.total_and_first(wanted, order, of_stages)

    def page(
        self,
        wanted: DealFilter,
        order: Order,
        after: Place | None,
        limit: int,
        matching: int,
        unchanged: Unchanged | None = None,
        first: Any = None,
    ) -> tuple[list[FoundDeal], bool]:
        """Return the next deals of a list, and True if more follow.

        Args:
            wanted: which deals.
            order: their order.
            after: the place after which they come; None for the first ones.
            limit: how many.
            matching: roughly how many deals match; decides between indexes.
            unchanged: told whether lists are unchanged; None to leave that out.
            first: the first value that one of them has, see :meth:`total_and_first`.
        """
        parts = self._parts(wanted)
        far = after is None and bool(self._far.known((wanted, order)))
        plan = plan_of(parts, order, limit, matching, self._deals(), far=far, begins=first is not None)
        conditions, sort = [LISTED, *(part.condition for part in parts)], sort_of(order)
        after = self._in_full(after, sort.field)

        def read(arrays: bool) -> list[tuple[Document, int]]:
            steps, began = steps_after(order, after, first, arrays=arrays), self._timer()
            found, runs = self._read(conditions, order, plan, steps, limit + 1, unchanged)
            too_long, twice = any(one.took_too_long for one in runs), any(one.read_twice for one in runs)
            took = self._timer() - began
            # What is known to be far is looked for in order again after a while: perhaps MongoDB was busy.
            if after is None and matching > _MANY and (too_long or twice or took > _LONG_SECONDS) and not far:
                is_far = too_long and plan.way.index == sort.index and took * 1_000 <= _BUSY * plan.milliseconds
                self._far.remember((wanted, order), is_far)
            return found

        arrays = self._arrays.may_be_in(sort)
        found = read(arrays)
        if not arrays and self._arrays.are_in((document for document, phase in found if phase < 2), sort):
            found = read(True)
        return self._found(found[:limit], order), len(found) > limit

    def is_far(self, wanted: DealFilter, order: Order) -> bool:
        """Return True if it took long a moment ago, or two reads, to find the first deals of a list."""
        return self._far.known((wanted, order)) is not None

    def again(self, before: Sequence[Spot], order: Order, unchanged: Unchanged | None = None) -> list[FoundDeal] | None:
        """Return the deals of a page that was read before; None if one is gone, or now has another value.

        Args:
            before: where they were.
            order: their order.
            unchanged: as for :meth:`page`.
        """
        ids = [spot.deal_id for spot in before]
        asked = PRESENT | {"deal_id": {"$in": ids}}
        with self._connection.operation():
            deals = self._connection.naive.deal_info
            found = find_deals(deals, asked, self._projection, len(ids), unchanged=unchanged)
            documents = {document["deal_id"]: document for document in found}
        if len(documents) < len(ids):
            return None
        field = sort_of(order).field
        if any(stored_at(documents[spot.deal_id], field) != spot.value for spot in before):
            return None
        return self._found([(documents[spot.deal_id], spot.phase) for spot in before], order)

    def _read(
        self,
        conditions: Sequence[Document],
        order: Order,
        plan: Plan,
        steps: Sequence[Step],
        limit: int,
        unchanged: Unchanged | None,
    ) -> tuple[list[tuple[Document, int]], list[Run]]:
        """Return the first deals of some runs, each with its phase, and the runs that were read."""
        found: list[tuple[Document, int]] = []
        runs: list[Run] = []
        for step in steps:
            missing = limit - len(found)
            if missing <= 0:
                break
            with self._connection.operation():
                deals = self._connection.naive.deal_info
                run = Run(deals, [*conditions, *step.further], order, plan, self._projection, unchanged)
                found += [(document, step.phase) for document in run.read(step, missing)]
            runs.append(run)
        return found, runs

    def _parts(self, wanted: DealFilter) -> list[Part]:
        # Of equally frequent words, the longest one first.
        words = tuple(sorted(wanted.words, key=len, reverse=True))
        properties = self._properties.ordered(wanted.properties)
        return parts_of(replace(wanted, words=self._words.ordered(words), properties=properties))

    def _in_full(self, place: Place | None, field: str) -> Place | None:
        """Return a place with its whole text if that was cut and the deal still exists."""
        if place is None or not isinstance(place.value, str) or len(place.value) < LONGEST_TEXT:
            return place
        with self._connection.operation() as database:
            found = database.deal_info.find_one({"deal_id": place.deal_id}, {field: 1}) or {}
        text = stored_at(found, field)
        return place._replace(value=text) if isinstance(text, str) and text.startswith(place.value) else place

    def bears(self, field: str, value: str) -> bool:
        """Return True if a deal has this value.

        Args:
            field: that of the id of its stage, pipeline or owner, or that of an own property, in dots.
            value: an id, or a value of the property.
        """
        condition = LISTED | {field: value}
        with self._connection.operation() as database:
            return bool(
                with_hint(
                    lambda **more: database.deal_info.find(condition, _ID, limit=1, **more).to_list(),
                    index_of(field),
                )
            )

    def _deals(self) -> int:
        """Return roughly how many deals there are."""
        return self._size.get("deals", self._count_deals)

    def _count_deals(self) -> int:
        with self._connection.operation() as database:
            return database.deal_info.estimated_document_count()

    def _found(self, documents: Sequence[tuple[Document, int]], order: Order) -> list[FoundDeal]:
        sort = sort_of(order)
        unreadable = self._connection.unreadable
        return [found_deal(document, sort.field, sort.kind.name, phase, unreadable) for document, phase in documents]
