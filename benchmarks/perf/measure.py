"""Asks the service what the promises are judged by, in the order in which an operator would."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial

from benchmarks.client import VIEWS, Reply, target_of, together
from benchmarks.deployed import CannotMeasureError, Deployed, Place, value_of, why_refused
from benchmarks.perf import promises
from benchmarks.perf.expiry import LONGEST_TTL, NAMES, ExpiredReads, events_of
from benchmarks.perf.promises import Verdict
from benchmarks.perf.timing import RoundTrip, data_age, round_trip

_WAYS, _HITS, _ROUNDS, _READS = 21, 21, 7, 11
#: Workers that a load balancer may lead to one after the other before memory counts as not answering.
_ASKS = 8
#: Seconds between two looks at whether a clear has reached a worker.
_PAUSE = 0.05


class Measurement:
    """One deal of one service.

    Args:
        service: asks it.
        place: for further connections.
        deal: the deal's name.
        deadline: seconds that a read of HubSpot may take.
        most_age: ``MAX_DATA_AGE_SECONDS`` of the service; 0: it promises nothing about the age of its data.
        clock: the time in seconds.
        sleep: waits for so many seconds.
    """

    def __init__(
        self,
        service: Deployed,
        place: Place,
        deal: str,
        deadline: float,
        most_age: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._service = service
        self._place = place
        self._deal = deal
        self._target = target_of(deal)
        self._deadline = deadline
        self._most_age = most_age
        self._clock = clock
        self._sleep = sleep
        self._cleared = 0.0

    def way(self) -> RoundTrip:
        """Measure the way to the service."""
        self._service.expect("/healthz")  # the connection is made here, and counts nowhere
        return round_trip([self._service.expect("/healthz") for _ in range(_WAYS)])

    def verdicts(self, way: RoundTrip) -> Iterator[Verdict]:
        """Each promise as soon as it is judged.

        Raises:
            CannotMeasureError: the service does not answer as one, or does not know the deal.
        """
        yield self._clear(way, least=0)  # nobody may have read it before, so that HubSpot answers next
        yield self._first()
        for which in ("second call", "third call"):
            yield promises.judge_hit(which, self._until_memory(self._service, self._target))
        yield self._wire()
        for view in VIEWS:
            yield self._mongodb(view)
        yield self._parallel(way)
        yield self._statistics(way)
        yield self._clear(way, least=1)
        yield self._first()
        yield promises.judge_hit("second call", self._until_memory(self._service, self._target))
        yield from self._expired()
        yield self._age()

    def _clear(self, way: RoundTrip, least: int) -> Verdict:
        target = target_of(self._deal, "clear-endpoint-cache")
        reply = self._service.expect(target, "DELETE", admin=True)
        self._cleared = self._clock()
        return promises.judge_clear(reply, value_of(reply, target)["entries_cleared"], least, way)

    def _first(self) -> Verdict:
        """Read until no cache answers, at most until every worker must have taken up the clear."""
        waited = 0.0
        reply = self._read()
        while reply.tier in promises.CACHES and self._clock() - self._cleared < promises.SPREAD:
            self._sleep(_PAUSE)
            waited = self._clock() - self._cleared
            reply = self._read()
        return promises.judge_first(reply, waited, self._deadline)

    def _read(self) -> Reply:
        """The deal's timeline, if there is such a deal."""
        reply = self._service.ask(self._target)
        if reply.status == 404 and reply.headers.get("content-type", "").startswith("application/problem+json"):
            raise CannotMeasureError(f"the service knows no deal {self._deal!r} (404): DEAL= takes a deal's whole name")
        if reply.status != 200:
            raise CannotMeasureError(why_refused(reply, f"GET {self._place.base_url}{self._target}", admin=False))
        if not reply.tier:
            raise CannotMeasureError(f"{self._place.base_url} answers without X-Cache-Tier: no dealcache is there")
        return reply

    def _until_memory(self, service: Deployed, target: str) -> list[Reply]:
        replies = [service.expect(target)]
        while replies[-1].tier != "memory" and len(replies) < _ASKS:
            replies.append(service.expect(target))
        return replies

    def _wire(self) -> Verdict:
        """In turns with the way, so that both have the same weather."""
        ways, hits = [], []
        for _ in range(_HITS):
            ways.append(self._service.expect("/healthz"))
            hits.append(self._service.expect(self._target))
        return promises.judge_wire(hits, round_trip(ways))

    def _mongodb(self, view: str) -> Verdict:
        target = target_of(self._deal, view)
        replies = [self._service.expect(target, cache_control="no-cache") for _ in range(_READS)]
        return promises.judge_mongodb(f"{NAMES[view]}, no-cache", replies, events_of(replies[-1], target))

    def _parallel(self, way: RoundTrip) -> Verdict:
        with ExitStack() as connections:
            asks = []
            for view in VIEWS:
                service = connections.enter_context(Deployed(self._place))
                target = target_of(self._deal, view)
                self._until_memory(service, target)
                asks.append(partial(service.expect, target))
            try:
                rounds = [together(asks) for _ in range(_ROUNDS)]
            except RuntimeError as error:
                if isinstance(error.__cause__, CannotMeasureError):
                    raise error.__cause__ from None
                raise
        return promises.judge_parallel(rounds, way)

    def _age(self) -> Verdict:
        """Ask until the data is new enough: what is older than promised is served once more, and read again behind."""
        most = self._most_age + self._ttl() if self._most_age else None
        began = self._clock()
        reply, waited = self._read(), 0.0
        while most is not None and (data_age(reply, time.time()) or 0.0) > most and waited < self._deadline:
            self._sleep(_PAUSE)
            reply, waited = self._read(), self._clock() - began
        return promises.judge_age(reply, most, waited, time.time())

    def _expired(self) -> Iterator[Verdict]:
        """Let the values of all views expire, and read them again."""
        ttl = self._ttl()
        if ttl > LONGEST_TTL:
            yield promises.skip_expiry(ttl, LONGEST_TTL)
            return
        yield from ExpiredReads(self._service, self._deal, ttl, self._sleep).verdicts()

    def _ttl(self) -> float:
        """Return for how many seconds values are fresh in the service's memory."""
        return float(self._service.read_json("/api/hubspot/cache-stats?limit=0")["cache_ttl_seconds"])

    def _statistics(self, way: RoundTrip) -> Verdict:
        target = "/api/hubspot/cache-stats"
        replies = [self._service.expect(target) for _ in range(_READS)]
        return promises.judge_statistics(replies, value_of(replies[-1], target), way)
