"""Reads the activities of some deals together: first their ids, all seven types at once, then a hundred in each call.

However many deals there are, each page of associations is asked for once for all deals that have it, and a batch takes
activities of any of them. What fails concerns only the deals that needed it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial

from dealcache.deadline import Deadline
from dealcache.deals import ENGAGEMENT_TYPES, Event
from dealcache.hubspot.budgets import Priority
from dealcache.hubspot.client import BATCH_SIZE, HubSpotClient
from dealcache.hubspot.errors import HubSpotError, Unavailable
from dealcache.hubspot.fanout import Fanout
from dealcache.hubspot.gathering import Gathering
from dealcache.hubspot.mapping import event_of
from dealcache.hubspot.pages import AssociationPage


class ActivityReads:
    """The reads of one load; used by one thread.

    Args:
        client: asks HubSpot.
        calls: makes the calls.
        deadline: no call lasts longer.
        priority: who asks.
        on_failure: is told each time that a deal has failed.
    """

    def __init__(
        self,
        client: HubSpotClient,
        calls: Fanout,
        deadline: Deadline,
        priority: Priority,
        on_failure: Callable[[], None],
    ) -> None:
        self._client = client
        self._calls = calls
        self._deadline = deadline
        self._priority = priority
        self._on_failure = on_failure
        self._gatherings = {kind: Gathering(BATCH_SIZE) for kind in ENGAGEMENT_TYPES}
        self._keys: dict[str, set[tuple[str, str]]] = {}
        self._events: dict[tuple[str, str], Event] = {}
        self.failures: dict[str, HubSpotError] = {}

    def start(self, deal_ids: Iterable[str]) -> None:
        """Begin to read the activities of these deals, at most 1,000; ``calls`` tells when all is done."""
        self._keys = {deal_id: set() for deal_id in deal_ids}
        if self._keys:
            for kind in ENGAGEMENT_TYPES:
                self._ask_for_ids(kind, dict.fromkeys(self._keys))

    def all_failed(self) -> bool:
        """Whether there is no deal left whose activities can all be read."""
        return len(self.failures) == len(self._keys)

    def events(self) -> Iterable[Event]:
        """All that was read, in no particular order."""
        return self._events.values()

    def events_of(self, deal_id: str) -> list[Event]:
        """The activities of one deal, oldest first."""
        # Archived activities have associations, but are not read.
        found = (self._events[key] for key in self._keys[deal_id] if key in self._events)
        return sorted(found, key=lambda event: (event.occurred_at, event.engagement_id, event.engagement_type))

    def _ask_for_ids(self, kind: str, deals: Mapping[str, str | None]) -> None:
        self._calls.start(
            partial(self._client.association_page, deals, kind, self._deadline, self._priority),
            partial(self._take_ids, kind, deals),
            partial(self._ids_failed, kind, deals),
        )

    def _take_ids(self, kind: str, asked: Mapping[str, str | None], page: AssociationPage) -> None:
        self._check(asked, page)
        for deal_id in asked:
            self._keys[deal_id].update((kind, one) for one in page.ids[deal_id])
        going_on = (deal_id for deal_id in asked if deal_id in page.after and deal_id not in self.failures)
        after = {deal_id: page.after[deal_id] for deal_id in going_on}
        # Deals with further pages last: what waits for a batch to be full is theirs then, and nobody waits for others.
        ordered = sorted(asked, key=after.__contains__)
        batches = self._gatherings[kind].add((one for deal_id in ordered for one in page.ids[deal_id]), after)
        if after:
            # Before the batches: the pages of one type can only come one after the other, and all else waits for them.
            self._ask_for_ids(kind, after)
        self._read_batches(kind, batches)

    def _check(self, asked: Mapping[str, str | None], page: AssociationPage) -> None:
        """Fail the deals whose activities may be those of a deal that nobody asked for.

        A deal that was merged a moment ago answers under its new id, and seems to have no activities under its own.
        """
        if page.ids.keys() - asked.keys():
            merged = Unavailable("a deal was merged into another one while it was read")
            self._fail((deal_id for deal_id in asked if not page.ids[deal_id]), merged)

    def _ids_failed(self, kind: str, deals: Collection[str], failure: HubSpotError) -> None:
        self._fail(deals, failure)
        # No page comes after the one that failed, and other deals' activities may be waiting for a batch to be full.
        self._read_batches(kind, self._gatherings[kind].rest())

    def _read_batches(self, kind: str, batches: Iterable[Sequence[str]]) -> None:
        for batch in batches:
            if not self.failures or self._needing(kind, batch):
                self._calls.start(
                    partial(self._read, kind, batch), self._take_events, partial(self._batch_failed, kind, batch)
                )

    def _read(self, kind: str, ids: Sequence[str]) -> list[Event]:
        records = self._client.read_activities(kind, ids, self._deadline, self._priority)
        return [event_of(kind, record) for record in records]

    def _take_events(self, events: list[Event]) -> None:
        self._events.update({(event.engagement_type, event.engagement_id): event for event in events})

    def _batch_failed(self, kind: str, ids: Sequence[str], failure: HubSpotError) -> None:
        self._fail(self._needing(kind, ids), failure)

    def _needing(self, kind: str, ids: Sequence[str]) -> list[str]:
        """The deals that have one of these activities, without those that have failed already."""
        keys = {(kind, one) for one in ids}
        return [
            deal_id for deal_id, own in self._keys.items() if deal_id not in self.failures and not own.isdisjoint(keys)
        ]

    def _fail(self, deal_ids: Iterable[str], failure: HubSpotError) -> None:
        for deal_id in deal_ids:
            self.failures.setdefault(deal_id, failure)
        self._on_failure()
