"""Reads records, without the single ones that HubSpot cannot return."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from dealcache.hubspot.pages import AssociationPage, RecordBatch, all_associations
from dealcache.model.deals import Deal, Event
from dealcache.sync.bisection import CONTROLS, Bisected, read_by_bisection
from dealcache.sync.context import SyncContext
from dealcache.sync.hubspot_reader import joined

T = TypeVar("T")


class RecordReader:
    """Reads records; those that cannot be read become warnings of the job. Thread-safe.

    A job that tolerates refusals isolates the records that are to blame when a call keeps failing; in any other job the
    call fails.
    """

    def __init__(self, context: SyncContext) -> None:
        self._context = context

    def deals(self, ids: Sequence[str]) -> RecordBatch[Deal]:
        """Read deals by their ids, at most 100; see :meth:`.HubSpotReader.read_deals`."""
        return together(self._read("deals", "deals", ids, self._context.hubspot.read_deals))

    def activities(self, kind: str, ids: Sequence[str]) -> RecordBatch[Event]:
        """Read activities by their ids, at most 100; see :meth:`.HubSpotReader.read_activities`."""
        return together(self._read(kind, kind, ids, partial(self._context.hubspot.read_activities, kind)))

    def associations(self, from_type: str, records: Mapping[str, str | None], to_type: str) -> AssociationPage:
        """Read a page of associations; see :meth:`.HubSpotReader.associations`."""

        def read(ids: Sequence[str]) -> AssociationPage:
            return self._context.hubspot.associations(from_type, {one: records.get(one) for one in ids}, to_type)

        found = self._read(f"{to_type} of {from_type}", from_type, list(records), read)
        return joined([*found.results, AssociationPage({}, {}, dict.fromkeys(found.unreadable, "unreadable"))])

    def deals_of(self, kind: str, ids: Iterable[str]) -> tuple[dict[str, set[str]], set[str]]:
        """Read all deals of activities, at most 1,000.

        Returns:
            The deals of each activity, and the activities whose deals are not all known.
        """
        return all_associations(lambda pending: self.associations(kind, pending, "deals"), ids)

    def _read(self, what: str, kind: str, ids: Sequence[str], read: Callable[[Sequence[str]], T]) -> Bisected[T]:
        if not self._context.refused_types.tolerant:
            return Bisected([read(ids)])
        deals, timelines = self._context.deals, self._context.timelines
        some = deals.some_ids if kind == "deals" else partial(timelines.some_engagements, kind)
        found = read_by_bisection(ids, read, lambda: some(CONTROLS, ids))
        found.warn(self._context.progress, what)
        return found


def together(found: Bisected[RecordBatch[T]]) -> RecordBatch[T]:
    """Return the batches of a read as one; those that cannot be read alone count as refused."""
    refused = frozenset(found.unreadable).union(*(batch.refused for batch in found.results))
    return RecordBatch([record for batch in found.results for record in batch.records], refused)
