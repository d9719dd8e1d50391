"""Reads again the records that webhook events are about.

A delivery says that something happened, not what is true now: events come twice, late, and in any order. So they only
decide which records to read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from dealcache.hubspot.client import BATCH_SIZE
from dealcache.hubspot.errors import HubSpotError
from dealcache.model.batches import batches_of
from dealcache.model.deals import RECORD_TYPES
from dealcache.model.jobs import WebhookEvent
from dealcache.model.people import PEOPLE_TYPES
from dealcache.repositories import StoredEvent, StoreError
from dealcache.sync.changed_deals import ChangedDeals
from dealcache.sync.context import SyncContext
from dealcache.sync.deal_sync import DealSync
from dealcache.sync.people_rounds import PeopleRounds


@dataclass(frozen=True, slots=True)
class RecordEvents:
    """All claimed events about the same records, oldest first."""

    record: str
    events: tuple[StoredEvent, ...]

    @property
    def contents(self) -> list[WebhookEvent]:
        """The events themselves, without those whose document cannot be read."""
        return [event.content for event in self.events if event.content is not None]

    @property
    def kind(self) -> str:
        """The type of the records."""
        return self.record.partition(":")[0]

    @property
    def attempts(self) -> int:
        """The number of times that the records have failed alone."""
        return max(event.attempts for event in self.events)


def by_record(events: Iterable[StoredEvent]) -> list[RecordEvents]:
    """Group events by the records that they are about."""
    found: dict[str, list[StoredEvent]] = {}
    for event in events:
        found.setdefault(event.record, []).append(event)
    return [RecordEvents(record, tuple(same)) for record, same in found.items()]


def by_kind(records: Iterable[RecordEvents]) -> list[list[RecordEvents]]:
    """Group records by type; types that have failed least come first."""
    found: dict[str, list[RecordEvents]] = {}
    for record in records:
        found.setdefault(record.kind, []).append(record)
    return sorted(found.values(), key=lambda same: min(record.attempts for record in same))


def changed_records(events: Iterable[WebhookEvent]) -> dict[str, set[str]]:
    """Return the ids of the deals, activities and people that some events are about, by type."""
    found: dict[str, set[str]] = {}
    for kind, one in {record for event in events for record in event.records}:
        if kind in RECORD_TYPES or kind in PEOPLE_TYPES.values():
            found.setdefault(kind, set()).add(one)
    return found


class WebhookSync:
    """Reads again the records that webhook events are about."""

    def __init__(self, context: SyncContext) -> None:
        self._context = context
        self._records = DealSync(context)
        self._unread: set[tuple[str, str]] = set()

    def apply(self, events: Iterable[WebhookEvent]) -> set[tuple[str, str]]:
        """Read the records concerned, and store what they are now.

        Returns:
            Those that HubSpot has but did not return, by type and id: they stay as they were.
        """
        changed = changed_records(events)
        deals = changed.pop("deals", set())
        people = {kind: changed.pop(kind) for kind in PEOPLE_TYPES.values() if kind in changed}
        for kind, ids in changed.items():
            for batch in batches_of(sorted(ids), BATCH_SIZE):
                self._context.pool.submit(partial(self._update, kind, batch), deals.update)
        self._context.pool.wait_all()
        changed_deals = ChangedDeals(self._context)
        changed_deals.add(sorted(deals))
        changed_deals.finish()
        if self._context.people is not None:
            PeopleRounds(self._context.people, self._context.pool).update(people)
        return self._unread | {("deals", one) for one in changed_deals.refused}

    def _update(self, kind: str, ids: Sequence[str]) -> set[str]:
        read_at = self._context.now()
        read = self._context.hubspot.read_activities(kind, ids)
        self._unread.update((kind, one) for one in read.refused)
        gone = set(ids) - read.refused - {event.engagement_id for event in read.records}
        return self._records.store_activities(kind, read.records, read_at, gone)


def reason_of(failure: Exception) -> str:
    """Return why a record failed, without any of its contents."""
    if isinstance(failure, HubSpotError | StoreError):
        return f"{type(failure).__name__}: {failure}"
    place, trace = "", failure.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        place, trace = f" in {code.co_filename.rpartition('/')[2]}, line {trace.tb_lineno}", trace.tb_next
    return f"{type(failure).__name__}{place}"
