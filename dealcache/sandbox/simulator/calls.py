"""The record of all calls that clients made to the simulated HubSpot."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass

#: How many calls are kept with all their details; the counts go on beyond that.
KEPT = 100_000

#: The sorts of endpoints. ``associations`` is the batch read, ``associate`` every write of associations; a path that
#: HubSpot does not have is ``unknown``.
KINDS = frozenset(
    {
        "list",
        "read",
        "create",
        "update",
        "archive",
        "erase",
        "merge",
        "search",
        "batch_read",
        "batch_create",
        "batch_update",
        "batch_archive",
        "associations",
        "associations_of_one",
        "associate",
        "labels",
        "owners",
        "pipelines",
        "properties",
        "account",
        "unknown",
    }
)


@dataclass(slots=True)
class Call:
    """One call.

    ``kind`` is the sort of endpoint, one of :data:`KINDS`. ``object_type`` is the name of the type in the path, "" if
    there is none. ``inputs`` tells how many records a call asked for that names them in its body. ``status`` is 0 while
    the call is under way and for broken connections. Times are in seconds since 1970, by the real clock.
    """

    method: str
    path: str
    kind: str
    object_type: str
    started: float
    inputs: int = 0
    status: int = 0
    finished: float | None = None


class CallLog:
    """The calls so far. Methods may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: deque[Call] = deque(maxlen=KEPT)
        self._counts: Counter[str] = Counter()
        self._under_way = 0
        self._most_under_way = 0

    def begin(self, method: str, path: str, kind: str, object_type: str, inputs: int = 0) -> Call:
        """Notes that a call has come in."""
        call = Call(method, path, kind, object_type, time.time(), inputs)
        with self._lock:
            self._calls.append(call)
            self._counts[kind] += 1
            self._under_way += 1
            self._most_under_way = max(self._most_under_way, self._under_way)
        return call

    def finish(self, call: Call, status: int) -> None:
        """Notes that the answer to a call is about to be sent."""
        with self._lock:
            call.status, call.finished = status, time.time()
            self._under_way -= 1

    def count(self, kind: str | None = None) -> int:
        """Return how many calls there were, of one kind or altogether."""
        with self._lock:
            return self._counts.total() if kind is None else self._counts[kind]

    def counts(self) -> dict[str, int]:
        """Return how many calls there were of each kind."""
        with self._lock:
            return dict(self._counts)

    def clear(self) -> None:
        """Forgets all calls; the highest number at once starts again from those under way."""
        with self._lock:
            self._calls.clear()
            self._counts.clear()
            self._most_under_way = self._under_way

    @property
    def max_concurrency(self) -> int:
        """The highest number of calls that were under way at once."""
        with self._lock:
            return self._most_under_way

    def __iter__(self) -> Iterator[Call]:
        with self._lock:
            return iter(list(self._calls))

    def __len__(self) -> int:
        return self.count()
