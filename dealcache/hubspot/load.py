"""One load of some deals, step by step. Everything here but the calls themselves runs in the thread that asked."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from concurrent.futures import Executor
from datetime import datetime

from dealcache.deadline import Deadline
from dealcache.deals import DealKey, Event, LoadedDeal, Pipeline
from dealcache.hubspot.activity_reads import ActivityReads
from dealcache.hubspot.budgets import Priority
from dealcache.hubspot.client import HubSpotClient
from dealcache.hubspot.directory import Directory
from dealcache.hubspot.errors import HubSpotError, NotFound
from dealcache.hubspot.fanout import Fanout
from dealcache.hubspot.finding import Asking, Finder, Found, IdFinder, NameFinder
from dealcache.hubspot.labels import Labels

#: What a load brings for each key: the deal, or why there is none.
Outcome = LoadedDeal | HubSpotError


class Load:
    """Runs one load.

    Args:
        client: asks HubSpot.
        directory: knows owners and pipelines.
        executor: runs the calls.
        deadline: nobody waits longer.
        priority: who asks.
    """

    def __init__(
        self, client: HubSpotClient, directory: Directory, executor: Executor, deadline: Deadline, priority: Priority
    ) -> None:
        self._directory = directory
        self._executor = executor
        self._calls = Fanout(executor, deadline)
        # Apart from the calls, because nothing has to wait for names before the very end.
        self._naming = Fanout(executor, deadline)
        self._asking = Asking(client, self._calls, deadline, priority)
        self._reads = ActivityReads(client, self._calls, deadline, priority, self._stop_if_all_failed)
        self._owners: Mapping[str, str | None] = {}
        self._pipelines: tuple[Pipeline, ...] = ()

    def names(
        self, keys: Collection[DealKey], known_ids: Mapping[DealKey, Collection[str]], started_at: datetime
    ) -> dict[DealKey, Outcome]:
        """Load the deals of names; see :meth:`dealcache.hubspot.loader.DealLoader.load_many`.

        Args:
            keys: the names.
            known_ids: ids under which they are known elsewhere.
            started_at: the moment before the first call.
        """
        return self._run(keys, NameFinder(keys, known_ids, self._asking), started_at)

    def id(self, key: DealKey, started_at: datetime) -> dict[DealKey, Outcome]:
        """Load the deal of the id ``key``; ``started_at`` is the moment before the first call."""
        return self._run([key], IdFinder(key, self._asking), started_at)

    def _run(self, keys: Collection[DealKey], finder: Finder, started_at: datetime) -> dict[DealKey, Outcome]:
        try:
            self._naming.join(self._directory.owners.get(self._executor), self._take_owners)
            self._naming.join(self._directory.pipelines.get(self._executor), self._take_pipelines)
            finder.find()
            self._reads.start(dict.fromkeys(found.deal.deal_id for found in finder.found.values()))
            finder.start_rest()
            self._calls.finish()
            self._naming.finish()
            self._ask_for_unknown_names(finder)
        except HubSpotError as failure:
            return dict.fromkeys(keys, failure)
        finally:
            self._calls.abandon()
            self._naming.abandon()
        return self._outcomes(keys, finder, started_at)

    def _stop_if_all_failed(self) -> None:
        if self._reads.all_failed():
            self._calls.abandon()

    # The names of owners, stages and pipelines

    def _take_owners(self, owners: Mapping[str, str | None]) -> None:
        self._owners = owners

    def _take_pipelines(self, pipelines: tuple[Pipeline, ...]) -> None:
        self._pipelines = pipelines

    def _ask_for_unknown_names(self, finder: Finder) -> None:
        found = (deal for one in finder.found.values() for deal in (one.deal, *one.homonyms))
        deals = (*found, *finder.read_by_id)
        labels = Labels(self._owners, self._pipelines)
        owner_ids = {deal.owner_id for deal in deals} | {event.owner_id for event in self._reads.events()}
        if labels.lacks_an_owner(owner_ids) and (owners := self._directory.owners.refreshed(self._executor)):
            self._naming.join(owners, self._take_owners)
        if labels.lacks_a_stage(deals) and (pipelines := self._directory.pipelines.refreshed(self._executor)):
            self._naming.join(pipelines, self._take_pipelines)
        self._naming.finish()

    # The end

    def _outcomes(self, keys: Collection[DealKey], finder: Finder, started_at: datetime) -> dict[DealKey, Outcome]:
        labels = Labels(self._owners, self._pipelines)
        read = {found.deal.deal_id for found in finder.found.values()} - self._reads.failures.keys()
        events = {one: tuple(labels.event(event) for event in self._reads.events_of(one)) for one in read}
        outcomes: dict[DealKey, Outcome] = {}
        for key in keys:
            found = finder.found.get(key)
            if failure := finder.failures.get(key):
                outcomes[key] = failure
            elif found is None:
                outcomes[key] = _not_found(key, finder, labels)
            else:
                failure = self._reads.failures.get(found.deal.deal_id)
                outcomes[key] = failure or _loaded(found, events[found.deal.deal_id], labels, started_at)
        return outcomes


def _loaded(found: Found, events: tuple[Event, ...], labels: Labels, started_at: datetime) -> LoadedDeal:
    homonyms = tuple(labels.deal(other) for other in found.homonyms)
    return LoadedDeal(labels.deal(found.deal), events, homonyms, started_at)


def _not_found(key: DealKey, finder: Finder, labels: Labels) -> NotFound:
    missing_ids, renamed = finder.gone(key)
    return NotFound(
        f"HubSpot has no deal of this {key.by}",
        renamed=tuple(labels.deal(deal) for deal in renamed),
        missing_ids=missing_ids,
    )
