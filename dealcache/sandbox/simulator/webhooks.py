"""Tells webhooks of the changes of an account, as HubSpot does: late, in batches, again after a failure."""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

import orjson
import requests

from dealcache.sandbox.simulator.changes import Change
from dealcache.sandbox.simulator.site import PORTAL_ID
from dealcache.sandbox.simulator.webhook_events import event_of
from dealcache.sandbox.simulator.webhook_outbox import Batch, Outbox
from dealcache.sandbox.simulator.webhook_signatures import Version, signature_headers

#: HubSpot, webhooks guide: seconds that a webhook has to answer, and the most events in one request.
PATIENCE = 5.0
MOST_EVENTS = 100
#: How many of the latest deliveries are kept.
KEPT = 10_000

#: Posts a body with headers to a URL; gives the answer's status.
Post = Callable[[str, bytes, Mapping[str, str]], int]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt to deliver. ``status`` is 0 when no answer came; ``at`` is in seconds since 1970."""

    url: str
    at: float
    attempt: int
    events: int
    status: int


def post_over_http(url: str, body: bytes, headers: Mapping[str, str]) -> int:
    """Posts once, over a connection of its own, and gives the status of the answer.

    Raises:
        OSError: no answer came in time.
    """
    with requests.Session() as session:
        # Neither proxies nor ~/.netrc of whoever runs it.
        session.trust_env = False
        answer = session.post(
            url,
            data=body,
            headers={**headers, "Content-Type": "application/json", "User-Agent": "HubSpot Connect 2.0"},
            timeout=PATIENCE,
            allow_redirects=False,
        )
        return answer.status_code


class Webhooks:
    """The subscriptions of an account. Methods may be called from any thread.

    Args:
        post: sends a request and gives the status of its answer; raises OSError when none comes.
        clock: seconds since 1970; drives delays and dates signatures, which receivers compare with their own clocks.
        portal_id: the account that events come from.
    """

    def __init__(
        self, post: Post = post_over_http, clock: Callable[[], float] = time.time, portal_id: int = PORTAL_ID
    ) -> None:
        self._portal_id = portal_id
        self._post = post
        self._clock = clock
        self._changed = threading.Condition()
        self._outboxes: list[Outbox] = []
        self._deliveries: deque[Delivery] = deque(maxlen=KEPT)
        self._event_ids = itertools.count(2_000_000_001)
        self._thread: threading.Thread | None = None
        self._stopping = False

    def subscribe(
        self,
        url: str,
        secret: str,
        *,
        version: Version = "v3",
        delay: float = 0.0,
        batch: int = MOST_EVENTS,
        shuffle: bool = False,
        duplicate: float = 0.0,
        seed: int = 7,
    ) -> None:
        """Tells ``url`` of all changes from now on.

        Args:
            url: where to, query and all.
            secret: what deliveries are signed with.
            version: of the signature: v3, v1, or both at once.
            delay: seconds between a change and the first attempt to tell of it.
            batch: the most events in a delivery, up to 100.
            shuffle: whether the order of events is lost.
            duplicate: the share of events (0 to 1) that come a second time, with another ``eventId``.
            seed: decides what is left to chance.

        Raises:
            ValueError: an argument is out of its range.
        """
        if version not in ("v1", "v3", "both"):
            raise ValueError(f"unknown version {version!r}")
        if not 1 <= batch <= MOST_EVENTS or not 0 <= duplicate <= 1 or delay < 0:
            raise ValueError("batch must be 1 to 100, duplicate 0 to 1, delay not negative")
        outbox = Outbox(url, secret, version, delay, batch, shuffle, duplicate, Random(seed))
        with self._changed:
            self._outboxes.append(outbox)

    def unsubscribe_all(self) -> None:
        """Ends all subscriptions and forgets what was not delivered yet."""
        with self._changed:
            self._outboxes.clear()

    def notice(self, change: Change) -> None:
        """Takes in a change; returns at once."""
        with self._changed:
            if not self._outboxes:
                return
            event = event_of(change, next(self._event_ids), self._portal_id)
            if event is None:
                return
            for outbox in self._outboxes:
                outbox.add(event, self._clock())
            self._changed.notify_all()

    @property
    def pending(self) -> int:
        """Events that are neither delivered nor given up."""
        with self._changed:
            return sum(outbox.pending for outbox in self._outboxes)

    @property
    def deliveries(self) -> list[Delivery]:
        """The latest attempts, oldest first."""
        with self._changed:
            return list(self._deliveries)

    def describe(self) -> list[dict[str, Any]]:
        """The subscriptions with how many events each has pending, delivered and given up."""
        with self._changed:
            return [
                {
                    "url": one.url,
                    "version": one.version,
                    "pending": one.pending,
                    "delivered": one.delivered,
                    "abandoned": one.abandoned,
                }
                for one in self._outboxes
            ]

    def deliver_due(self) -> bool:
        """Makes the attempts that are due, one for each subscription, in the caller's thread.

        Returns:
            Whether there were any.
        """
        with self._changed:
            due = [(outbox, taken) for outbox in self._outboxes if (taken := outbox.take(self._clock()))]
        for outbox, taken in due:
            status = self._attempt(outbox, taken)
            with self._changed:
                outbox.settle(taken, self._clock(), accepted=200 <= status < 300)
        return bool(due)

    def start(self) -> None:
        """Begins to deliver, in a thread that does not keep the process alive.

        Raises:
            RuntimeError: it is delivering already.
        """
        if self._thread is not None:
            raise RuntimeError("the webhooks are being delivered already")
        self._stopping = False
        self._thread = threading.Thread(target=self._deliver, name="simulator-webhooks", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stops after the delivery that is under way; what is pending waits for the next :meth:`start`."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _deliver(self) -> None:
        while not self._stopping:
            if not self.deliver_due():
                self._wait()

    def _wait(self) -> None:
        """Waits until something is due, or may have become so."""
        with self._changed:
            times = [due for outbox in self._outboxes if (due := outbox.next_due()) is not None]
            if not self._stopping:
                self._changed.wait(max(0.0, min(times) - self._clock()) if times else None)

    def _attempt(self, outbox: Outbox, taken: Batch) -> int:
        started = self._clock()
        body = orjson.dumps(taken.events)
        headers = signature_headers(outbox.version, outbox.secret, outbox.url, body, int(started * 1000))
        try:
            status = self._post(outbox.url, body, headers)
        except OSError:
            # Recorded as status 0, and tried again.
            status = 0
        with self._changed:
            self._deliveries.append(Delivery(outbox.url, started, taken.attempt, len(taken.events), status))
        return status
