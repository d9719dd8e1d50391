"""Reads one deal with all its activities: three round trips deep, however many activities there are.

First the deal (a search by name, or a read by id), beside it owners and pipelines when they are not known yet; then the
ids of its activities, all seven types at once; then the activities, a hundred per call, beside further pages of ids.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import UTC, datetime

from dealcache.deadline import Deadline
from dealcache.deals import DealKey, LoadedDeal
from dealcache.hubspot.budgets import Priority
from dealcache.hubspot.client import HubSpotClient
from dealcache.hubspot.directory import Directory
from dealcache.hubspot.load import Load


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
        known_ids: Sequence[str] = (),
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
        load = Load(self._client, self._directory, self._executor, key, deadline, priority, known_ids)
        return load.run(self._now())

    def close(self) -> None:
        """Shut down the pool that was made here.

        Calls under way or in the queue are still made; loads that need more calls end with Unavailable.
        """
        if self._owns_executor:
            # Not cancel_futures: it wakes nobody up who waits for the futures it cancels.
            self._executor.shutdown(wait=False)
