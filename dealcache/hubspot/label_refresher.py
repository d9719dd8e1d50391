"""Reads the labels of owners, pipelines and own properties: rarely, as they change, and at once for an unknown id."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, Future
from datetime import datetime
from functools import partial
from typing import Any

from dealcache.hubspot.deal_properties import with_suffixes
from dealcache.hubspot.errors import Forbidden, HubSpotError, NotFound, Rejected, Unauthorised
from dealcache.hubspot.label_lists import LabelLists
from dealcache.hubspot.label_reads import FIRST_PAUSE, TIME_TO_LIVE, LabelReads
from dealcache.hubspot.limits.buckets import Priority
from dealcache.hubspot.limits.sliding_window import Caller, SlidingWindow
from dealcache.model.deadline import Deadline
from dealcache.model.deals import Deal, Event
from dealcache.model.labels import Labels, Owner, UnknownIds
from dealcache.model.pipelines import Pipeline

#: How many reads may begin in how many seconds, because a refresh asks for the present labels or a record names an
#: unknown id. Deals of owners that HubSpot itself has forgotten must not cost a read each.
_REFRESHES, _LOOKUPS = (10, 10.0), (4, 60.0)


class LabelRefresher:
    """Schedules the reads of owners, deal pipelines and definitions of own properties. Thread-safe.

    Methods whose names start with ``begin`` wait for nothing: they return the reads.

    Args:
        lists: asks HubSpot, within a deadline.
        executor: runs the reads.
        known: returns the labels with which views are made.
        on_owners: takes all owners each time they have been read, with the time just before, in the reading thread;
            returns True if it could store them.
        on_pipelines: the same for pipelines.
        now: the wall clock, aware, in UTC.
        clock: the monotonic clock, in seconds.
        read_properties: reads and stores the definitions of own properties within a deadline; None if there are none.
        stage_history: True if the properties of stages are to be known.
    """

    def __init__(
        self,
        lists: Callable[[Deadline], LabelLists],
        executor: Executor,
        known: Callable[[], Labels],
        on_owners: Callable[[tuple[Owner, ...], datetime], bool],
        on_pipelines: Callable[[tuple[Pipeline, ...], datetime], bool],
        now: Callable[[], datetime],
        clock: Callable[[], float] = time.monotonic,
        read_properties: Callable[[Deadline], bool] | None = None,
        *,
        stage_history: bool = False,
    ) -> None:
        self._stage_history = stage_history
        self._lists = lists
        self.known = known
        self._on_owners = on_owners
        self._on_pipelines = on_pipelines
        self._now = now
        self._clock = clock
        self._owners: LabelReads[str] = LabelReads("owners", self._read_owners, executor, clock)
        self._pipelines: LabelReads[tuple[str | None, str | None]] = LabelReads(
            "pipelines", self._read_pipelines, executor, clock
        )
        #: No record names a property, so none is ever unknown.
        self._properties: list[LabelReads[str]] = (
            [] if read_properties is None else [LabelReads("properties", read_properties, executor, clock)]
        )
        self._lock = threading.Lock()
        self._refreshes, self._lookups = SlidingWindow(*_REFRESHES), SlidingWindow(*_LOOKUPS)
        self._owed = False
        self._filled = False

    def fill(self, stored_at: datetime | None, properties_at: datetime | None = None) -> None:
        """Read the labels if they are missing or old, so that ids have labels before the first deal is read.

        Args:
            stored_at: when the stored ones were read, by whichever process; None if there are none.
            properties_at: the same for the definitions of own properties.

        Raises:
            HubSpotError: HubSpot failed.
        """
        self._note_read((self._owners, self._pipelines), stored_at)
        self._note_read(self._properties, properties_at)
        _wait(self.begin_due())
        self._filled = True

    def tend(self) -> None:
        """Begin what is due, once the labels were filled; called every few seconds. Does not block."""
        if self._filled:
            self.begin_due()

    def read_all(self, warn: Callable[[str], None]) -> None:
        """Read all labels again; call ``warn`` with what fails, and keep those labels as they are."""
        try:
            try:
                _wait(self.begin_all())
            except (Unauthorised, Forbidden, Rejected, NotFound):
                # Readers share these reads, and one refusal is enough for them; a sync asks again before it counts.
                _wait(self.begin_all())
        except HubSpotError as failure:
            what = f"{failure.endpoint or 'labels'}: {failure.reason}"
            warn(f"HubSpot does not return the names of owners, stages and pipelines ({what}); old ones are shown")

    def refresh(self) -> None:
        """Read all labels again, unless that was asked for too often.

        Raises:
            HubSpotError: HubSpot failed.
        """
        _wait(self.begin_refresh())

    def look_up(self, unknown: UnknownIds) -> None:
        """Look up ids without a label, unless that was tried recently. Does not block."""
        self.begin_lookup(unknown, at_once=False)

    def look_up_of(self, deals: Sequence[Deal], events: Sequence[Event]) -> None:
        """Look up the ids in these records that have no label."""
        if unknown := self.known().unknown_in(deals, events):
            self.look_up(unknown)

    def begin_refresh(self) -> list[Future[None]]:
        """Read all labels; if that was asked for too often within a few seconds, leave it to :meth:`begin_due`."""
        with self._lock:
            self._owed = not self._acquire(self._refreshes)
        return [] if self._owed else self.begin_all()

    def begin_all(self) -> list[Future[None]]:
        """Read all labels."""
        return [reads.begin() for reads in self._all()]

    def begin_missing(self) -> list[Future[None]]:
        """Read the kinds of labels of which none is known."""
        known = self.known()
        missing: list[LabelReads[Any]] = [] if known.properties or known.absent_properties else [*self._properties]
        if not known.owners:
            missing.append(self._owners)
        if not known.pipelines:
            missing.append(self._pipelines)
        return [read for reads in missing for read in reads.begin_if_due()]

    def begin_lookup(self, unknown: UnknownIds, *, at_once: bool = True) -> list[Future[None]]:
        """Read labels because records name ids without one, unless these were looked up recently.

        Ids that stay unknown are looked up again by :meth:`begin_due`.

        Args:
            unknown: the ids.
            at_once: False if no caller waits; then a new id is looked up some time after the last read.
        """
        now, pause = self._clock(), 0.0 if at_once else FIRST_PAUSE
        with self._lock:
            owners = self._owners.note_unknown(unknown.owner_ids, now, pause)
            stages = self._pipelines.note_unknown(unknown.stages, now, pause)
        return self._look_up_due() if owners or stages else []

    def begin_due(self) -> list[Future[None]]:
        """Begin the reads that are due: old labels, unknown ids, a postponed refresh; return all in progress."""
        if self._owed:
            self.begin_refresh()
        self._look_up_due()
        return [one for reads in self._all() for one in reads.begin_if_due()]

    def _all(self) -> tuple[LabelReads[Any], ...]:
        return self._owners, self._pipelines, *self._properties

    def _note_read(self, every: Iterable[LabelReads[Any]], stored_at: datetime | None) -> None:
        """Note when some process read labels; a time in the future was written by a wrong clock."""
        if stored_at is not None and stored_at <= self._now():
            for reads in every:
                reads.postpone(TIME_TO_LIVE - (self._now() - stored_at).total_seconds())

    def _look_up_due(self) -> list[Future[None]]:
        known, now = self.known(), self._clock()
        with self._lock:
            wanted: list[LabelReads[Any]] = []
            if self._owners.is_due(now, lambda ids: known.still_unknown(UnknownIds(owner_ids=ids)).owner_ids):
                wanted.append(self._owners)
            if self._pipelines.is_due(now, lambda ids: known.still_unknown(UnknownIds(stages=ids)).stages):
                wanted.append(self._pipelines)
            if not wanted or not self._acquire(self._lookups):
                return []
            for reads in wanted:
                reads.note_lookup(now)
        return [reads.begin() for reads in wanted]

    def _acquire(self, window: SlidingWindow) -> bool:
        now, caller = self._clock(), Caller(Priority.SHARED, 0)
        if window.try_start(now, caller) > 0.0:
            return False
        window.finish(now, caller)
        return True

    def _read_owners(self, deadline: Deadline) -> bool:
        read_at, lists = self._now(), self._lists(deadline)
        return self._on_owners(lists.mapper.owners(lists.list_owners()), read_at)

    def _read_pipelines(self, deadline: Deadline) -> bool:
        read_at, lists = self._now(), self._lists(deadline)
        pipelines = lists.mapper.pipelines(lists.list_pipelines())
        if self._stage_history:
            pipelines = with_suffixes(pipelines, self.known(), partial(_property_names, lists))
        return self._on_pipelines(pipelines, read_at)


def _property_names(lists: LabelLists) -> list[str]:
    return [record["name"] for record in lists.list_properties()]


def _wait(reads: Iterable[Future[None]]) -> None:
    for read in reads:
        read.result()
