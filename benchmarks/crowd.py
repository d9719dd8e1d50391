"""Clients that each want another cold deal from the service at the same time."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress

from benchmarks.client import NO_ANSWER, ask, target_of
from benchmarks.service import Server


class Crowd:
    """One thread for each deal.

    Args:
        service: whom they ask.
        deals: the names of the deals.
        attempts: how often each asks at most; who is told to come back does so at about the time that was named.

    Attributes:
        first: the answers to their first requests, by status.
        every: the answers to all requests, by status.
    """

    def __init__(self, service: Server, deals: Sequence[str], attempts: int) -> None:
        self._service = service
        self._attempts = attempts
        self._over = threading.Event()
        self._lock = threading.Lock()
        self.first: Counter[str] = Counter()
        self.every: Counter[str] = Counter()
        self._threads = [threading.Thread(target=self._insist, args=(deal,), daemon=True) for deal in deals]

    def start(self) -> None:
        """Let all of them ask."""
        for thread in self._threads:
            thread.start()

    def finish(self) -> None:
        """Nobody asks again; wait for the answers that are under way."""
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _insist(self, deal: str) -> None:
        for attempt in range(self._attempts):
            status, pause = self._ask(deal, attempt)
            # A little later than named, and not all at once, as clients that do not know of each other.
            if status != 503 or self._over.wait(pause * random.uniform(1.0, 1.5)):
                return

    def _ask(self, deal: str, attempt: int) -> tuple[int, float]:
        """Ask once; returns the status, 0 without an answer, and after how many seconds to come back."""
        status, pause, name = 0, None, "no answer"
        with suppress(*NO_ANSWER):
            reply = ask(self._service.base_url, target_of(deal))
            status, pause = reply.status, reply.headers.get("retry-after")
            name = f"{status} with Retry-After" if pause else str(status)
        with self._lock:
            self.every[name] += 1
            self.first[name] += attempt == 0
        return status, float(pause or 1.0)
