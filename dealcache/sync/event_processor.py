"""Processes stored webhook events: claims them, reads the records they are about, and isolates those that fail."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from functools import partial

from dealcache.hubspot.errors import HubSpotError, NotFound, Rejected
from dealcache.model.jobs import Progress
from dealcache.repositories import EventClaim, FailedRecord, StoreError, StoreUnavailable, WebhookEventRepository
from dealcache.sync.bisection import isolate_failures
from dealcache.sync.cancellation import CancellationToken
from dealcache.sync.context import ChangePublisher, SyncContext
from dealcache.sync.hubspot_reader import HubSpotReader
from dealcache.sync.job_progress import JobProgress
from dealcache.sync.retry_policy import LONGEST_RECORD_DELAY, next_try
from dealcache.sync.webhook_sync import RecordEvents, WebhookSync, by_kind, by_record, reason_of

log = logging.getLogger(__name__)

#: Events that are claimed together, and the time until their lease ends.
_MOST_EVENTS = 1000
_LEASE = timedelta(seconds=120)

#: Records that a log line names at most.
_MOST_NAMED = 5


class RefusedRecordError(Exception):
    """HubSpot returned the other records of a batch, but not this one."""


class UnreadableEventError(Exception):
    """The document of an event does not hold a valid event."""


class WebhookEventProcessor:
    """Processes events. Each method is called by one thread.

    Args:
        events: where they are stored.
        open_context: returns the parts to work with.
        publisher: announces which deals changed.
        owner: names this process.
        on_processed: called with a number of events whose records were read.
        on_backlog: called with the number of waiting events, the age of the oldest in seconds, and the number set
            aside.
        now: the wall clock, aware, in UTC.

    Attributes:
        token: ends the work.
    """

    def __init__(
        self,
        events: WebhookEventRepository,
        open_context: Callable[[JobProgress, CancellationToken], AbstractContextManager[SyncContext]],
        publisher: ChangePublisher,
        owner: str,
        on_processed: Callable[[int], None],
        on_backlog: Callable[[int, float, int], None],
        now: Callable[[], datetime],
    ) -> None:
        self._events = events
        self._open_context = open_context
        self._publisher = publisher
        self._owner = owner
        self.token = CancellationToken()
        self._now = now
        self._on_processed = on_processed
        self._on_backlog = on_backlog

    def show_backlog(self) -> None:
        """Update the metrics of waiting events.

        Raises:
            StoreError: MongoDB failed.
        """
        backlog = self._events.backlog()
        waits = 0.0 if backlog.oldest_at is None else (self._now() - backlog.oldest_at).total_seconds()
        self._on_backlog(backlog.pending, max(0.0, waits), backlog.set_aside)

    def process_new(self) -> bool:
        """Process new events until none is left; return True if there were any.

        Raises:
            HubSpotError: every call to HubSpot fails; StoreError: MongoDB failed. The events stay.
            StoppedError: the process ends.
        """
        found = False
        while (claim := self._claim(suspected=False)).events:
            found = True
            with self._given_back_on_failure(claim):
                failing = self._events.join_failing(claim.events, self._owner, self._now(), LONGEST_RECORD_DELAY)
                records = by_record(event for event in claim.events if event.record not in failing)
                if records:
                    self._process_records(claim, records)
        return found

    def _process_records(self, claim: EventClaim, records: Sequence[RecordEvents]) -> None:
        failure = self._attempt(claim, records)
        kinds = by_kind(records)
        for same in kinds if failure is not None else ():
            failure = self._attempt(claim, same) if len(kinds) > 1 else failure
            if failure is not None and len(same) == 1:
                self._failed(same, failure)
            elif failure is not None:
                self._events.suspect([event for record in same for event in record.events], self._owner)

    def process_suspected(self) -> None:
        """Process events that failed, or may be to blame for a failure, and are due; raises as :meth:`process_new`."""
        while (claim := self._claim(suspected=True)).events:
            with self._given_back_on_failure(claim):
                for same in by_kind(by_record(claim.events)):
                    isolate_failures(same, partial(self._attempt, claim), self._failed)

    def _claim(self, *, suspected: bool) -> EventClaim:
        self.token.check()
        claim = self._events.claim(self._owner, self._now(), _LEASE, _MOST_EVENTS, suspected=suspected)
        if claim.abandoned:
            self._publisher.doubt()  # their last owner may have died between a write and publishing it
        return claim

    @contextmanager
    def _given_back_on_failure(self, claim: EventClaim) -> Iterator[None]:
        try:
            yield
        except BaseException:
            try:
                self._events.give_back(claim.keys, self._owner)
            except StoreError as error:
                log.warning("webhook events stay claimed until their lease ends: %s", error)
            raise

    def _attempt(self, claim: EventClaim, records: Sequence[RecordEvents]) -> Exception | None:
        """Read and store records; return why that failed, or raise the failure if any attempt would have failed."""
        if not all(record.contents for record in records):
            return UnreadableEventError("its document holds no valid event")
        started_at = self._now()
        self._events.renew(claim.keys, self._owner, started_at + _LEASE)
        with self._open_context(JobProgress(Progress(), self._publisher.changed), self.token) as context:
            try:
                unread = WebhookSync(context).apply(event for record in records for event in record.contents)
            except Exception as failure:
                self.token.check()
                if isinstance(failure, StoreError):
                    self._publisher.doubt()
                if _is_an_outage(failure, context.hubspot):
                    raise
                return failure
        self._publisher.settle()
        self._save_read(records, unread, started_at)
        return None

    def _save_read(self, records: Sequence[RecordEvents], unread: set[tuple[str, str]], read_at: datetime) -> None:
        refused = {one.record: one for one in records if any(event.records & unread for event in one.contents)}
        if refused:
            self._failed(list(refused.values()), RefusedRecordError("HubSpot returned the others"))
        events = [event for one in records if one.record not in refused for event in one.events]
        self._events.done(events, read_at, self._now())
        self._on_processed(len(events))

    def _failed(self, records: Sequence[RecordEvents], failure: Exception) -> None:
        """Postpone the events of records that failed, or set them aside."""
        now, reason = self._now(), reason_of(failure)
        failed = []
        for one in records:
            due_at = next_try(one.attempts, one.events[0].received_at, now, random.random())  # noqa: S311 - a jitter
            keys = [event.key for event in one.events]
            failed.append(FailedRecord(keys, one.record, one.attempts + 1, reason, due_at))
        self._events.failed(failed, now)
        new, over = [one for one in failed if one.attempts == 1], [one for one in failed if one.due_at is None]
        _log_failed("failed and will be retried with growing pauses", reason, new)
        _log_failed("have failed for a day and are set aside", reason, over)


def _is_an_outage(failure: Exception, hubspot: HubSpotReader) -> bool:
    """Return True if nothing works at present, so that no record is to blame."""
    if isinstance(failure, HubSpotError) and not isinstance(failure, Rejected | NotFound):
        return not hubspot.shows_deals()
    return isinstance(failure, StoreUnavailable)


def _log_failed(what: str, reason: str, failed: Sequence[FailedRecord]) -> None:
    if failed:
        named = "; ".join(one.record for one in failed[:_MOST_NAMED])
        more = f" and {len(failed) - _MOST_NAMED} more" if len(failed) > _MOST_NAMED else ""
        log.warning("webhook events of %s%s %s: %s", named, more, what, reason)
