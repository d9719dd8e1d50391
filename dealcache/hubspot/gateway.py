"""A process's connections to HubSpot: those of its readers, and new ones for each sync; the account behind them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

from dealcache.clock import RemoteClock
from dealcache.hubspot.calls import Calls, Paths
from dealcache.hubspot.client import HubSpotClient
from dealcache.hubspot.daily_calls import DailyCalls
from dealcache.hubspot.deal_properties import DealProperties
from dealcache.hubspot.errors import HubSpotError, MalformedAnswer, RateLimited
from dealcache.hubspot.json_validation import Json
from dealcache.hubspot.label_lists import LabelLists
from dealcache.hubspot.limits.buckets import Priority
from dealcache.hubspot.limits.rate_limiter import RateLimits
from dealcache.hubspot.mapper import RecordMapper
from dealcache.hubspot.session import HubSpotSession, Observer
from dealcache.model.currencies import CompanyCurrencies, currency_code
from dealcache.model.deadline import Deadline
from dealcache.model.unreadable import UnreadableRecords

log = logging.getLogger(__name__)

#: Calls that readers may have in progress at once in one process. One large deal keeps about fifteen busy: seven types
#: being paged, and the batches of earlier pages.
_READ_THREADS = 32

#: Calls of re-reads that may be in progress, or wait for limits, at once: separate, so that readers never lack threads.
_REREAD_THREADS = 8

#: Seconds for which the outcome of a call counts as HubSpot's state; a probe counts against its limits.
_CALL_COUNTS_SECONDS = 5.0

_PROBE_SECONDS = 2.0


#: Ids of accounts are shorter, so that MongoDB can store them as numbers.
_MOST_DIGITS = 19


class Account(NamedTuple):
    """A HubSpot account: its id, and its currencies; None if HubSpot does not tell them."""

    portal_id: int
    currencies: CompanyCurrencies | None = None


class HubSpotGateway:
    """Connections to HubSpot that share a token, its limits and an estimate of HubSpot's clock. Thread-safe.

    Args:
        base_url: HubSpot's URL.
        token: the access token.
        api_version: ``v3`` or a dated version.
        rate_limits: the rate limits, shared by all connections.
        observer: observes the calls.
        admit: called before each call for data; raises if there must be none.
        unreadable: reports records that cannot be read.
        clock: our clock, epoch seconds; ``timer`` is its monotonic companion.
        deal_properties: names the properties that are read with deals.

    Attributes:
        executor: runs the calls of readers; those of re-reads run in ``reread_executor``.
        mapper: turns records into plain values.
        daily_calls: what is left of the calls of the day.
    """

    def __init__(
        self,
        base_url: str,
        token: str,
        api_version: str,
        rate_limits: RateLimits,
        observer: Observer,
        admit: Callable[[Deadline], None],
        unreadable: UnreadableRecords,
        clock: Callable[[], float],
        timer: Callable[[], float],
        deal_properties: DealProperties | None = None,
    ) -> None:
        self._base_url = base_url
        self._token = token
        self._paths = Paths(api_version)
        self._admit = admit
        self.mapper = RecordMapper(unreadable, deal_properties)
        self._clock = clock
        self._hubspot_clock = RemoteClock(clock, timer)
        self.rate_limits = rate_limits
        self.daily_calls = DailyCalls()
        self.executor = ThreadPoolExecutor(_READ_THREADS, thread_name_prefix="hubspot")
        self.reread_executor = ThreadPoolExecutor(_REREAD_THREADS, thread_name_prefix="hubspot-reread")
        self._observer = observer
        self._session = self._new_session(_READ_THREADS + _REREAD_THREADS)

    def client(self, deadline: Deadline, priority: Priority) -> HubSpotClient:
        """Return a client of a reader, whose calls may last until ``deadline``."""
        return self._client_on(self._session, priority, deadline)

    def label_lists(self, deadline: Deadline) -> LabelLists:
        """Return what reads the lists of labels until ``deadline``."""
        return LabelLists(self._calls_on(self._session, Priority.SHARED, deadline), self.mapper)

    @contextmanager
    def connect(self, threads: int, waited: Callable[[float], None]) -> Iterator[Callable[[Deadline], HubSpotClient]]:
        """Yield what makes clients of a sync, on connections of their own for ``threads`` threads.

        ``waited`` is called with the seconds that each call waited for its limit.
        """
        session = self._new_session(threads, waited)
        try:
            yield partial(self._client_on, session, Priority.SYNC)
        finally:
            session.close()

    def time(self) -> float:
        """Return the time of HubSpot's clock as far as it is known, of ours otherwise, in epoch seconds."""
        return self._hubspot_clock() if self._hubspot_clock.is_known else self._clock()

    def last_outcome(self) -> tuple[bool, float] | None:
        """Return whether HubSpot served or limited the last reader, and how many seconds ago; None before the first."""
        last = self._session.health
        if last is None:
            return None
        return last.failure is None or isinstance(last.failure, RateLimited), time.monotonic() - last.at

    def answers(self) -> bool:
        """Return True if HubSpot answers and accepts the token, going by the last call or, if that is old, a probe."""
        last = self.last_outcome()
        if last is not None and last[1] < _CALL_COUNTS_SECONDS:
            return last[0]
        try:
            self._probe(Deadline(_PROBE_SECONDS))
        except RateLimited:
            return True
        except HubSpotError:
            return False
        return True

    def account(self, deadline: Deadline) -> Account:
        """Return the account that the token belongs to.

        Raises:
            MalformedAnswer: HubSpot does not tell its id.
        """
        details = self._probe(deadline)
        portal_id = str(details.get("portalId"))
        if not (portal_id.isascii() and portal_id.isdigit() and len(portal_id) < _MOST_DIGITS):
            raise MalformedAnswer("the account has no id", endpoint="account_details")
        home, others = currency_code(details.get("companyCurrency")), details.get("additionalCurrencies")
        has_others = isinstance(others, list) and any(currency_code(one) not in (None, home) for one in others)
        return Account(int(portal_id), None if home is None else CompanyCurrencies(home, has_others))

    def has_calls(self) -> bool:
        """Return False while so few of the day's calls are left that scheduled syncs must wait.

        If that was found long ago, HubSpot is asked whether a new day has begun.
        """
        if self.daily_calls.scarce and self.daily_calls.is_old:
            self._ask_for_daily_calls()
        return not self.daily_calls.scarce

    def has_calls_for_rereads(self) -> bool:
        """Return False while only the last third of the day's calls is left; see :meth:`has_calls`."""
        if not self.daily_calls.left_for_rereads and self.daily_calls.is_old:
            self._ask_for_daily_calls()
        return self.daily_calls.left_for_rereads

    def may_have_calls_for_rereads(self) -> bool:
        """Do what :meth:`has_calls_for_rereads` does without asking HubSpot: True if that may be needed."""
        return self.daily_calls.left_for_rereads or self.daily_calls.is_old

    def _ask_for_daily_calls(self) -> None:
        try:
            self._probe(Deadline(_PROBE_SECONDS))
        except HubSpotError as failure:
            self.daily_calls.postpone()
            log.info("whether HubSpot's day has ended is not known: %s", failure)

    def close(self) -> None:
        """End the threads and close the connections; calls in progress end by themselves."""
        # Not cancel_futures: it does not wake threads that wait for the futures it cancels.
        for threads in (self.executor, self.reread_executor):
            threads.shutdown(wait=False)
        self._session.close()

    def _probe(self, deadline: Deadline) -> Json:
        return self._session.probe(self._paths.account_details, deadline)

    def _client_on(self, session: HubSpotSession, priority: Priority, deadline: Deadline) -> HubSpotClient:
        return HubSpotClient(self._calls_on(session, priority, deadline), self.mapper)

    def _calls_on(self, session: HubSpotSession, priority: Priority, deadline: Deadline) -> Calls:
        return Calls(session, self._paths, self._admit, deadline, priority)

    def _new_session(self, threads: int, waited: Callable[[float], None] | None = None) -> HubSpotSession:
        return HubSpotSession(
            self._base_url,
            self._token,
            pool_size=threads,
            rate_limits=self.rate_limits,
            observer=self._observer,
            daily=self.daily_calls,
            hubspot_clock=self._hubspot_clock,
            waited=waited,
        )
