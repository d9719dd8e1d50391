"""Loads deals with all their activities: three round trips deep, however many deals and activities there are.

First the deals (searches by names, or a read by id), together with owners and pipelines if they are not known yet; then
the ids of their activities, all seven types at once; then the activities, a hundred per call, together with further
pages of ids. Many deals share all of these calls. Where names of people are wanted, the ids of those who take part are
read beside the activities, and the names that are not known yet in one round trip more.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from dealcache.hubspot.activity_reads import ActivityReads
from dealcache.hubspot.client import HubSpotClient
from dealcache.hubspot.deal_resolver import DealResolver, IdResolver, LoadContext
from dealcache.hubspot.errors import HubSpotError, NotFound
from dealcache.hubspot.label_refresher import LabelRefresher
from dealcache.hubspot.limits.buckets import Priority
from dealcache.hubspot.name_resolver import NameResolver
from dealcache.hubspot.people_reads import PeopleReads, PeopleSource
from dealcache.hubspot.worker_pool import WorkerPool
from dealcache.model.deadline import LOOK_SECONDS, Deadline
from dealcache.model.deals import DealKey, LoadedDeal

log = logging.getLogger(__name__)

#: The largest share of its time that a load waits for labels: a deal without labels is better than none.
_LABEL_SHARE = 2 / 3

#: Calls that one load has in progress at once: more than HubSpot's limits let through at a second per call, and half of
#: the pool, so that a load of a hundred deals leaves threads to others.
CALLS_AT_ONCE = 16

#: The largest share of its time that a load takes with the names of people.
_PEOPLE_SHARE = 0.5

_SEARCH_BEHIND = timedelta(hours=1)

#: The deal of a key, or the reason why there is none.
LoadResult = LoadedDeal | HubSpotError


class DealLoader:
    """Loads deals from HubSpot. Thread-safe.

    Args:
        connect: returns a client that asks HubSpot within a deadline and with a priority.
        labels: reads the labels of owners and pipelines.
        executor: runs the calls; nothing that waits for a load may run in it.
        now: the wall clock, aware and in UTC.
        priority: of its calls.
        people: names the people that take part; None for no names.
    """

    def __init__(
        self,
        connect: Callable[[Deadline, Priority], HubSpotClient],
        labels: LabelRefresher,
        executor: Executor,
        now: Callable[[], datetime],
        priority: Priority = Priority.INTERACTIVE,
        people: PeopleSource | None = None,
    ) -> None:
        self._people = people
        self._priority = priority
        self._connect = connect
        self._labels = labels
        self._executor = executor
        self._now = now

    def load(
        self,
        keys: Collection[DealKey],
        deadline: Deadline,
        *,
        known_ids: Mapping[DealKey, Collection[str]],
        fresh_labels: bool = False,
    ) -> dict[DealKey, LoadResult]:
        """Load the deals that ``keys`` name with all their events, oldest first, in as few calls as possible.

        For a deal that was merged into another the result is that other deal, under its own id.

        Args:
            keys: one id, or up to 1,000 different names; ``choose_deal`` chooses among several deals with one name.
            deadline: bounds the caller's wait.
            known_ids: for some of the names, ids under which they are known elsewhere. They are read when the search
                finds nothing, because HubSpot's search learns of new and renamed deals with a delay.
            fresh_labels: True to read the labels of owners, stages and pipelines again too, and deals that a search
                found by their ids, for it may be behind: one call more, which delays nothing.

        Returns:
            For each key the deal, or the HubSpotError of a call that it needed and that failed for good. NotFound:
            HubSpot knows no such deal; its ``renamed`` are deals with an id of ``known_ids`` and another name, its
            ``missing_ids`` the ids asked for that HubSpot no longer has.
        """
        context, first = self._context(deadline), next(iter(keys))
        people = PeopleReads(self._context(deadline.part(_PEOPLE_SHARE)), self._people, fresh=fresh_labels)
        resolver: DealResolver
        if first.by == "id":
            resolver = IdResolver(first, context)
        else:
            resolver = NameResolver(keys, known_ids, context, confirm=fresh_labels)
        labels_until = deadline.part(_LABEL_SHARE)
        activities = ActivityReads(context, people)
        load = _Load(keys, resolver, context, people, activities, self._labels, labels_until, self._now())
        return load.run(fresh_labels=fresh_labels)

    def _context(self, deadline: Deadline) -> LoadContext:
        pool = WorkerPool(self._executor, CALLS_AT_ONCE, deadline)
        return LoadContext(self._connect(deadline, self._priority), pool)


@dataclass(frozen=True, slots=True)
class _Load:
    """One load of some deals. Everything here but the calls themselves runs in the caller's thread.

    ``labels_until`` bounds the wait for labels; ``started_at`` is the time before the first call.
    """

    keys: Collection[DealKey]
    resolver: DealResolver
    context: LoadContext
    people: PeopleReads
    activities: ActivityReads
    labels: LabelRefresher
    labels_until: Deadline
    started_at: datetime

    def run(self, *, fresh_labels: bool) -> dict[DealKey, LoadResult]:
        """Load the deals that are found for the keys."""
        resolver, pool = self.resolver, self.context.pool
        try:
            # Once, before calls that would each ask for the token's account and be refused.
            self.context.client.admit()
            label_reads = self.labels.begin_refresh() if fresh_labels else self.labels.begin_missing()
            resolver.resolve()
            self.activities.start(dict.fromkeys(found.deal.deal_id for found in resolver.found.values()))
            resolver.complete()
            pool.wait_all()
            if more := resolver.settle():
                self.activities.start(more)
                pool.wait_all()
            self._wait_for_labels(label_reads)
            self._look_up_labels()
            self.people.finish()
        except HubSpotError as failure:
            return dict.fromkeys(self.keys, failure)
        finally:
            pool.cancel_all()
            self.people.cancel()
        return self._results()

    def _wait_for_labels(self, reads: Iterable[Future[None]]) -> None:
        """Wait for reads of labels, which others may share; do without those that fail or take too long."""
        for read in reads:
            # In steps, because the deadline of a re-read moves nearer when the process stops.
            while not read.done() and not self.labels_until.expired():
                with suppress(TimeoutError):
                    read.exception(min(LOOK_SECONDS, self.labels_until.remaining()))
            try:
                read.result(0.0)
            except (HubSpotError, TimeoutError) as failure:
                reason = failure if isinstance(failure, HubSpotError) else "HubSpot did not answer all calls in time"
                log.warning("a deal is shown with the last known labels: %s", reason)

    def _look_up_labels(self) -> None:
        """Wait for the labels of ids that have none."""
        found = (deal for one in self.resolver.found.values() for deal in (one.deal, *one.homonyms))
        unknown = self.labels.known().unknown_in((*found, *self.resolver.read_by_id), self.activities.events())
        if unknown:
            self._wait_for_labels(self.labels.begin_lookup(unknown))

    def _results(self) -> dict[DealKey, LoadResult]:
        # How far a search may be behind is unknown, but an hour is far more than was ever seen.
        resolver, started_at, behind = self.resolver, self.started_at, self.started_at - _SEARCH_BEHIND
        read = {found.deal.deal_id for found in resolver.found.values()} - self.activities.failures.keys()
        events = {one: self.people.with_participants(self.activities.events_of(one)) for one in read}
        results: dict[DealKey, LoadResult] = {}
        for key in self.keys:
            found = resolver.found.get(key)
            if failure := resolver.failures.get(key):
                results[key] = failure
            elif found is None:
                results[key] = _not_found(key, resolver)
            elif failure := self.activities.failures.get(found.deal.deal_id):
                results[key] = failure
            else:
                deal_id = found.deal.deal_id
                unread = self.activities.unread_of(deal_id)
                as_of = behind if deal_id in resolver.unconfirmed else started_at
                people = self.people.of(deal_id, events[deal_id])
                results[key] = LoadedDeal(
                    found.deal, events[deal_id], found.homonyms, started_at, unread, as_of, people
                )
        return results


def _not_found(key: DealKey, resolver: DealResolver) -> NotFound:
    missing_ids, renamed = resolver.gone(key)
    return NotFound(f"HubSpot has no deal of this {key.by}", renamed=renamed, missing_ids=missing_ids)
