"""The faults that the soak found, and the counts of everything that was fine."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Wrong(StrEnum):
    """The kinds of faults; none of them may happen."""

    STALE = "stale reads beyond the promise"
    LIE = "answers that are older than they say"
    IMPOSSIBLE = "versions that never were"
    UNNECESSARY_STALE = "answers marked stale without need"
    LOST_UPDATE = "lost updates"
    LOST_MESSAGE = "lost messages"
    ERROR = "errors that nothing excuses"
    MEMORY = "workers that grow"
    CHECKER = "failures of the checker itself"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong; ``at`` is in seconds since the soak began."""

    wrong: Wrong
    at: float
    text: str


class Findings:
    """Collects what is wrong. Methods may be called from any thread.

    Args:
        clock: seconds since the soak began.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._all: list[Finding] = []

    def add(self, wrong: Wrong, text: str) -> None:
        """Note something that is wrong."""
        with self._lock:
            self._all.append(Finding(wrong, self._clock(), text))

    def all(self) -> list[Finding]:
        """Everything that is wrong, oldest first."""
        with self._lock:
            return list(self._all)

    def counts(self) -> Counter[Wrong]:
        """Return how much is wrong of each kind."""
        return Counter(finding.wrong for finding in self.all())


class Statistics:
    """Counts what happens. Methods may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        #: Calls by their kind and what became of them.
        self.outcomes: Counter[tuple[str, str]] = Counter()
        #: Failed calls that the disturbances excuse, by kind and failure.
        self.excused: Counter[tuple[str, str]] = Counter()
        #: Reads through the tiers by the tier that answered.
        self.tiers: Counter[str] = Counter()
        #: Everything else that is counted.
        self.events: Counter[str] = Counter()
        #: Seconds that calls took, by kind.
        self.seconds: defaultdict[str, list[float]] = defaultdict(list)
        #: The longest delays seen, in seconds, by what was delayed.
        self.longest: defaultdict[str, float] = defaultdict(float)

    def outcome(self, what: str, outcome: str, seconds: float) -> None:
        """Count a call."""
        with self._lock:
            self.outcomes[what, outcome] += 1
            self.seconds[what].append(seconds)

    def excuse(self, what: str, failure: str) -> None:
        """Count a failed call that is what a disturbance brings with it."""
        with self._lock:
            self.excused[what, failure] += 1

    def tier(self, name: str) -> None:
        """Count a read that a tier answered."""
        with self._lock:
            self.tiers[name] += 1

    def count(self, event: str, times: int = 1) -> None:
        """Count something."""
        with self._lock:
            self.events[event] += times

    def delayed(self, what: str, seconds: float) -> None:
        """Note a delay; the longest counts."""
        with self._lock:
            self.longest[what] = max(self.longest[what], seconds)
