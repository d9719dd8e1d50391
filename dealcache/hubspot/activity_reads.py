"""Reads the activities of some deals together: first their ids, all seven types at once, then a hundred in each call.

However many deals there are, a page of associations is asked for once for all deals that have it, and a batch takes
activities of any of them. A failure concerns only the deals that needed the call.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial

from dealcache.hubspot.client import BATCH_SIZE
from dealcache.hubspot.deal_resolver import LoadContext
from dealcache.hubspot.errors import HubSpotError, MalformedAnswer, Unavailable
from dealcache.hubspot.pages import AssociationPage, BatchPlan, CursorGuard
from dealcache.hubspot.people_reads import PeopleReads
from dealcache.model.deals import ENGAGEMENT_TYPES, Event


class ActivityReads:
    """The reads of one load. Used by one thread.

    Args:
        context: that of the load.
        people: reads who takes part in the deals and activities too.

    Attributes:
        failures: the deals whose activities cannot all be read.
    """

    def __init__(self, context: LoadContext, people: PeopleReads) -> None:
        self._people = people
        self._context = context
        self._plans = {kind: BatchPlan(BATCH_SIZE) for kind in ENGAGEMENT_TYPES}
        self._cursors = {kind: CursorGuard() for kind in ENGAGEMENT_TYPES}
        self._keys: dict[str, set[tuple[str, str]]] = {}
        self._events: dict[tuple[str, str], Event] = {}
        self._unread: set[tuple[str, str]] = set()
        self.failures: dict[str, HubSpotError] = {}

    def start(self, deal_ids: Iterable[str]) -> None:
        """Begin to read the activities of at most 1,000 more deals; they are complete when the pool is done."""
        deals: dict[str, str | None] = dict.fromkeys(deal_ids)
        self._keys |= {deal_id: set() for deal_id in deals}
        if deals:
            for kind in ENGAGEMENT_TYPES:
                self._read_ids(kind, deals)
            self._people.add("deals", deals, last=True)

    def events(self) -> Iterable[Event]:
        """Return all that was read, in no particular order."""
        return self._events.values()

    def events_of(self, deal_id: str) -> list[Event]:
        """Return the activities of one deal, oldest first."""
        # Archived activities have associations, but are not read.
        found = (self._events[key] for key in self._keys[deal_id] if key in self._events)
        return sorted(found, key=lambda event: (event.occurred_at, event.engagement_id, event.engagement_type))

    def unread_of(self, deal_id: str) -> frozenset[tuple[str, str]]:
        """Return the activities of one deal, by type and id, that HubSpot has and that could not be read."""
        return frozenset(self._unread & self._keys[deal_id])

    def _read_ids(self, kind: str, deals: Mapping[str, str | None]) -> None:
        client, pool = self._context
        pool.submit(
            partial(client.read_associations, "deals", deals, kind),
            partial(self._add_ids, kind, deals),
            partial(self._ids_failed, kind, deals),
        )

    def _add_ids(self, kind: str, asked: Mapping[str, str | None], page: AssociationPage) -> None:
        if page.refused:
            self._fail(page.refused, Unavailable("HubSpot does not tell which activities a deal has"))
        self._check_merged(asked, page)
        for deal_id in asked:
            self._keys[deal_id].update((kind, one) for one in page.ids[deal_id])
        if repeated := self._cursors[kind].repeated(page.after):
            self._fail(repeated, MalformedAnswer("the cursor of a deal's associations repeats"))
        going_on = (deal_id for deal_id in asked if deal_id in page.after and deal_id not in self.failures)
        after = {deal_id: page.after[deal_id] for deal_id in going_on}
        # Deals with further pages last: then only their activities wait for full batches, and no other deal waits.
        ordered = sorted(asked, key=after.__contains__)
        batches = self._plans[kind].add((one for deal_id in ordered for one in page.ids[deal_id]), last=not after)
        if after:
            # Before the batches: the pages of a type come one after another, and everything else waits for them.
            self._read_ids(kind, after)
        self._read_batches(kind, batches)
        self._people.add(kind, (one for deal_id in ordered for one in page.ids[deal_id]), last=not after)

    def _check_merged(self, asked: Mapping[str, str | None], page: AssociationPage) -> None:
        """Fail the deals whose activities may have been returned under a deal that was not asked for.

        A deal that has just been merged answers under its new id, and seems to have no activities under its own.
        """
        if page.ids.keys() - asked.keys():
            merged = Unavailable("a deal was merged into another one while it was read")
            self._fail((deal_id for deal_id in asked if not page.ids[deal_id]), merged)

    def _ids_failed(self, kind: str, deals: Collection[str], failure: HubSpotError) -> None:
        self._fail(deals, failure)
        # No page comes after the one that failed, and other deals' activities may be waiting for a batch to be full.
        self._read_batches(kind, self._plans[kind].rest())
        self._people.add(kind, (), last=True)

    def _read_batches(self, kind: str, batches: Iterable[Sequence[str]]) -> None:
        for batch in batches:
            if not self.failures or self._needing(kind, batch):
                self._context.pool.submit(
                    partial(self._read, kind, batch), self._add_events, partial(self._batch_failed, kind, batch)
                )

    def _read(self, kind: str, ids: Sequence[str]) -> tuple[list[Event], set[tuple[str, str]]]:
        client = self._context.client
        batch = client.read_records(kind, ids)
        events = client.mapper.events(kind, batch.records)
        return events, {(kind, one) for one in batch.without(event.engagement_id for event in events)}

    def _add_events(self, read: tuple[list[Event], set[tuple[str, str]]]) -> None:
        events, unread = read
        self._events.update({(event.engagement_type, event.engagement_id): event for event in events})
        self._unread |= unread

    def _batch_failed(self, kind: str, ids: Sequence[str], failure: HubSpotError) -> None:
        self._fail(self._needing(kind, ids), failure)

    def _needing(self, kind: str, ids: Sequence[str]) -> list[str]:
        """Return the deals that have one of these activities and have not failed."""
        keys = {(kind, one) for one in ids}
        return [
            deal_id for deal_id, own in self._keys.items() if deal_id not in self.failures and not own.isdisjoint(keys)
        ]

    def _fail(self, deal_ids: Iterable[str], failure: HubSpotError) -> None:
        for deal_id in deal_ids:
            self.failures.setdefault(deal_id, failure)
        if len(self.failures) == len(self._keys):  # nothing is left to read for
            self._context.pool.cancel_all()
