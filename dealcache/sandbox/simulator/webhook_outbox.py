"""The events of one webhook subscription that are still to be delivered, and when."""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from dealcache.sandbox.simulator.webhook_events import Event
from dealcache.sandbox.simulator.webhook_signatures import Version

#: HubSpot, webhooks guide: up to 10 times, over 24 hours there.
MOST_ATTEMPTS = 10
#: Seconds until the next attempt: the least, and the most for each attempt made. HubSpot takes minutes.
RETRY_DELAYS = (0.05, 0.15)
#: The number added to the ``eventId`` of an event that comes a second time.
DUPLICATE_IDS = 1_000_000_000
#: Seconds over which the order of events is lost.
SHUFFLED = 0.5


class Batch(NamedTuple):
    """Events that travel together. ``attempt`` counts from 0; ``number`` keeps the order among equal due times."""

    due: float
    number: int
    attempt: int
    events: list[Event]


@dataclass(slots=True)
class Outbox:
    """Plans the deliveries to one URL; does no waiting and no sending itself. Not safe for threads by itself.

    Args:
        url: where to.
        secret: what deliveries are signed with.
        version: of the signature.
        delay: seconds between a change and the first attempt to tell of it.
        batch: the most events in a delivery.
        shuffle: whether the order of events is lost; each then waits up to :data:`SHUFFLED` longer.
        duplicate: the share of events (0 to 1) that come a second time, with another ``eventId``.
        random: decides what is left to chance.
    """

    url: str
    secret: str
    version: Version
    delay: float
    batch: int
    shuffle: bool
    duplicate: float
    random: Random
    abandoned: int = 0
    delivered: int = 0
    _fresh: list[tuple[float, int, Event]] = field(default_factory=list)
    _retries: list[Batch] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)
    _under_way: int = 0

    @property
    def pending(self) -> int:
        """Events that are neither delivered nor given up."""
        return len(self._fresh) + sum(len(one.events) for one in self._retries) + self._under_way

    def add(self, event: Event, now: float) -> None:
        """Takes in a new event."""
        self._put(event, now)
        if self.duplicate and self.random.random() < self.duplicate:
            # HubSpot promises neither that an event comes once nor that it keeps its eventId.
            self._put({**event, "eventId": event["eventId"] + DUPLICATE_IDS}, now)

    def next_due(self) -> float | None:
        """When there is something to send, seconds since 1970; None while there is nothing."""
        return min((queue[0][0] for queue in (self._fresh, self._retries) if queue), default=None)

    def take(self, now: float) -> Batch | None:
        """Removes the next batch that is due; :meth:`settle` must be told what became of it."""
        if self._retries and self._retries[0].due <= now:
            taken = heapq.heappop(self._retries)
        else:
            events = self._take_fresh(now)
            if not events:
                return None
            taken = Batch(now, next(self._numbers), 0, events)
        self._under_way += len(taken.events)
        return taken

    def settle(self, taken: Batch, now: float, *, accepted: bool) -> None:
        """Forgets a batch that was accepted or tried often enough, plans another attempt for any other."""
        self._under_way -= len(taken.events)
        attempt = taken.attempt + 1
        if accepted:
            self.delivered += len(taken.events)
        elif attempt >= MOST_ATTEMPTS:
            self.abandoned += len(taken.events)
        else:
            least, most = RETRY_DELAYS
            due = now + self.random.uniform(least, most * attempt)
            events = [{**event, "attemptNumber": attempt} for event in taken.events]
            heapq.heappush(self._retries, Batch(due, next(self._numbers), attempt, events))

    def _put(self, event: Event, now: float) -> None:
        due = now + self.delay + (self.random.uniform(0.0, SHUFFLED) if self.shuffle else 0.0)
        heapq.heappush(self._fresh, (due, next(self._numbers), event))

    def _take_fresh(self, now: float) -> list[Event]:
        events: list[Event] = []
        while self._fresh and len(events) < self.batch and self._fresh[0][0] <= now:
            events.append(heapq.heappop(self._fresh)[2])
        return events
