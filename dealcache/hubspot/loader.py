"""Reads deals with all their activities: three round trips deep, however many deals and activities there are.

First the deals (searches by names, or a read by id), beside them owners and pipelines when they are not known yet; then
the ids of their activities, all seven types at once; then the activities, a hundred per call, beside further pages of
ids. Many deals share all of these calls.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import UTC, datetime

from dealcache.deadline import Deadline
from dealcache.deals import DealKey, LoadedDeal
from dealcache.hubspot.budgets import Priority
from dealcache.hubspot.client import HubSpotClient
from dealcache.hubspot.directory import Directory
from dealcache.hubspot.errors import HubSpotError
from dealcache.hubspot.load import Load, Outcome


def utc_now() -> datetime:
    """The present as an aware datetime in UTC."""
    return datetime.now(UTC)


class DealLoader:
    """Loads deals from HubSpot; any number of threads may use it.

    Args:
        client: asks HubSpot.
        directory: knows owners and pipelines.
        executor: runs the calls; nothing that waits for a load may run in it. None to make one of ``threads``.
        threads: how many calls may be under way at once, over all loads.
        now: the wall clock, aware and in UTC.
    """

    def __init__(
        self,
        client: HubSpotClient,
        directory: Directory,
        *,
        executor: Executor | None = None,
        threads: int = 32,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._client = client
        self._directory = directory
        self._owns_executor = executor is None
        self._executor = executor or ThreadPoolExecutor(threads, thread_name_prefix="hubspot")
        self._now = now

    def load(
        self,
        key: DealKey,
        deadline: Deadline,
        *,
        priority: Priority = Priority.INTERACTIVE,
        known_ids: Collection[str] = (),
    ) -> LoadedDeal:
        """Read the deal that ``key`` names and all its events, oldest first.

        A deal that was merged into another is answered with that other, under its own id.

        Args:
            key: which deal; of several with one name :func:`dealcache.deal_choice.choose_deal` chooses.
            deadline: the caller never waits longer.
            priority: who asks.
            known_ids: ids under which the name is known elsewhere. They are read when the search finds nothing, because
                HubSpot's search learns of new and renamed deals with a delay.

        Raises:
            NotFound: HubSpot knows no such deal. Its ``renamed`` are deals with an id of ``known_ids`` and another
                name, its ``missing_ids`` the ids asked for that HubSpot has no longer.
            HubSpotError: a call failed for good; what the others brought is dropped.
        """
        load = self._begin(deadline, priority)
        outcomes = load.id(key, self._now()) if key.by == "id" else load.names([key], {key: known_ids}, self._now())
        outcome = outcomes[key]
        if isinstance(outcome, HubSpotError):
            raise outcome
        return outcome

    def load_many(
        self,
        names: Collection[DealKey],
        deadline: Deadline,
        *,
        priority: Priority = Priority.INTERACTIVE,
        known_ids: Mapping[DealKey, Collection[str]],
    ) -> dict[DealKey, Outcome]:
        """Read the deals of many names as :meth:`load` reads each of them, in as few calls as HubSpot's limits allow.

        Args:
            names: up to 1,000 different keys by name.
            deadline: the caller never waits longer.
            priority: who asks.
            known_ids: for some of the names, ids under which they are known elsewhere.

        Returns:
            For each name the deal, or what :meth:`load` would have raised. A call that failed for good concerns only
            the names that needed it.
        """
        return self._begin(deadline, priority).names(names, known_ids, self._now())

    def _begin(self, deadline: Deadline, priority: Priority) -> Load:
        return Load(self._client, self._directory, self._executor, deadline, priority)

    def close(self) -> None:
        """Shut down the pool that was made here.

        Calls under way or in the queue are still made; loads that need more calls end with Unavailable.
        """
        if self._owns_executor:
            # Not cancel_futures: it wakes nobody up who waits for the futures it cancels.
            self._executor.shutdown(wait=False)
