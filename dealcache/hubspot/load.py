"""One load of one deal, step by step. Everything here but the calls themselves runs in the thread that asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from datetime import datetime
from functools import partial

from dealcache.deadline import Deadline
from dealcache.deal_choice import choose_deal
from dealcache.deals import ENGAGEMENT_TYPES, Deal, DealKey, Event, LoadedDeal, Pipeline
from dealcache.hubspot.budgets import Priority
from dealcache.hubspot.client import BATCH_SIZE, HubSpotClient
from dealcache.hubspot.directory import Directory
from dealcache.hubspot.errors import NotFound
from dealcache.hubspot.fanout import Fanout
from dealcache.hubspot.gathering import Gathering, batches_of
from dealcache.hubspot.labels import Labels
from dealcache.hubspot.mapping import deal_of, event_of
from dealcache.hubspot.pages import AssociationPage


class Load:
    """Runs one load; see :meth:`dealcache.hubspot.loader.DealLoader.load` for the arguments."""

    def __init__(
        self,
        client: HubSpotClient,
        directory: Directory,
        executor: Executor,
        key: DealKey,
        deadline: Deadline,
        priority: Priority,
        known_ids: Sequence[str],
    ) -> None:
        self._client = client
        self._directory = directory
        self._executor = executor
        self._key = key
        self._deadline = deadline
        self._priority = priority
        self._asked_ids = (key.value,) if key.by == "id" else tuple(dict.fromkeys(known_ids))
        self._calls = Fanout(executor, deadline)
        self._deal: Deal | None = None
        self._homonyms: tuple[Deal, ...] = ()
        self._found_by_id: tuple[Deal, ...] = ()
        self._events: dict[tuple[str, str], Event] = {}
        self._gatherings = {kind: Gathering(BATCH_SIZE) for kind in ENGAGEMENT_TYPES}
        self._owners: Mapping[str, str | None] = {}
        self._pipelines: tuple[Pipeline, ...] = ()

    def run(self, started_at: datetime) -> LoadedDeal:
        """Make all calls and put their results together.

        Args:
            started_at: the moment before the first call.
        """
        try:
            self._calls.join(self._directory.owners.get(self._executor), self._take_owners)
            self._calls.join(self._directory.pipelines.get(self._executor), self._take_pipelines)
            self._ask_for_deal()
            self._calls.finish()
            self._ask_for_unknown_names()
            self._calls.finish()
        finally:
            self._calls.abandon()
        if self._deal is None:
            raise self._not_found()
        return self._loaded(self._deal, started_at)

    # First round trip: the deal

    def _ask_for_deal(self) -> None:
        if self._key.by == "id":
            self._calls.start(self._deals_by_id, self._take_deal)
        else:
            self._calls.start(partial(self._deals_by_name, self._key.value), self._take_search)

    def _deals_by_name(self, name: str) -> list[Deal]:
        found = self._client.find_deals_by_name(name, self._deadline, self._priority)
        return [deal_of(record) for record in found]

    def _deals_by_id(self) -> list[Deal]:
        # One batch after the other: more than a hundred known deals of one name are hardly ever seen.
        return [
            deal_of(record)
            for batch in batches_of(self._asked_ids, BATCH_SIZE)
            for record in self._client.read_deals(batch, self._deadline, self._priority)
        ]

    def _take_search(self, deals: list[Deal]) -> None:
        if not self._choose(deals) and self._asked_ids:
            self._calls.start(self._deals_by_id, self._take_known)

    def _take_known(self, deals: list[Deal]) -> None:
        self._found_by_id = tuple(deals)
        self._choose(deals)

    def _take_deal(self, deals: list[Deal]) -> None:
        if not deals:
            return
        self._deal = deals[0]
        if self._deal.deal_name.strip():
            self._calls.start(partial(self._deals_by_name, self._deal.deal_name.strip()), self._take_homonyms)
        self._ask_for_activities(self._deal.deal_id)

    def _take_homonyms(self, deals: list[Deal]) -> None:
        if self._deal is not None:
            others = (deal for deal in deals if deal.deal_id != self._deal.deal_id)
            choice = choose_deal(self._deal.deal_name, others)
            self._homonyms = () if choice is None else (choice[0], *choice[1])

    def _choose(self, deals: list[Deal]) -> bool:
        choice = choose_deal(self._key.value, deals)
        if choice is None:
            return False
        self._deal, self._homonyms = choice
        self._ask_for_activities(self._deal.deal_id)
        return True

    # Second and third: the ids of its activities, and the activities

    def _ask_for_activities(self, deal_id: str) -> None:
        for kind in ENGAGEMENT_TYPES:
            self._ask_for_ids(deal_id, kind, None)

    def _ask_for_ids(self, deal_id: str, kind: str, after: str | None) -> None:
        read = self._client.association_page
        self._calls.start(
            partial(read, {deal_id: after}, kind, self._deadline, self._priority),
            partial(self._take_ids, deal_id, kind),
        )

    def _take_ids(self, deal_id: str, kind: str, page: AssociationPage) -> None:
        after = page.after.get(deal_id)
        batches = self._gatherings[kind].add(page.ids.get(deal_id, ()), after)
        if after is not None:
            # Before the batches: the pages of one type can only come one after the other, and all else waits for them.
            self._ask_for_ids(deal_id, kind, after)
        for batch in batches:
            self._calls.start(partial(self._read_events, kind, batch), self._take_events)

    def _read_events(self, kind: str, ids: Sequence[str]) -> list[Event]:
        records = self._client.read_activities(kind, ids, self._deadline, self._priority)
        return [event_of(kind, record) for record in records]

    def _take_events(self, events: list[Event]) -> None:
        self._events.update({(event.engagement_type, event.engagement_id): event for event in events})

    # The names of owners, stages and pipelines

    def _take_owners(self, owners: Mapping[str, str | None]) -> None:
        self._owners = owners

    def _take_pipelines(self, pipelines: tuple[Pipeline, ...]) -> None:
        self._pipelines = pipelines

    def _ask_for_unknown_names(self) -> None:
        known = () if self._deal is None else (self._deal, *self._homonyms)
        deals = (*known, *self._found_by_id)
        labels = Labels(self._owners, self._pipelines)
        owner_ids = {deal.owner_id for deal in deals} | {event.owner_id for event in self._events.values()}
        if labels.lacks_an_owner(owner_ids) and (owners := self._directory.owners.refreshed(self._executor)):
            self._calls.join(owners, self._take_owners)
        if labels.lacks_a_stage(deals) and (pipelines := self._directory.pipelines.refreshed(self._executor)):
            self._calls.join(pipelines, self._take_pipelines)

    # The end

    def _loaded(self, deal: Deal, started_at: datetime) -> LoadedDeal:
        labels = Labels(self._owners, self._pipelines)
        in_order = sorted(
            self._events.values(),
            key=lambda event: (event.occurred_at, event.engagement_id, event.engagement_type),
        )
        return LoadedDeal(
            deal=labels.deal(deal),
            events=tuple(labels.event(event) for event in in_order),
            homonyms=tuple(labels.deal(other) for other in self._homonyms),
            read_started_at=started_at,
        )

    def _not_found(self) -> NotFound:
        labels = Labels(self._owners, self._pipelines)
        found_ids = {deal.deal_id for deal in self._found_by_id}
        return NotFound(
            f"HubSpot has no deal of this {self._key.by}",
            renamed=tuple(labels.deal(deal) for deal in self._found_by_id),
            missing_ids=tuple(one for one in self._asked_ids if one not in found_ids),
        )
