"""Reads a deal again after its values in the caches have expired."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from benchmarks.client import VIEWS, Reply, target_of
from benchmarks.deployed import Deployed, value_of
from benchmarks.perf import promises
from benchmarks.perf.promises import CACHES, Verdict

#: The longest time to live, in seconds, that is worth waiting for, and the longest that all rounds wait together.
LONGEST_TTL = 60.0
_MOST_ROUNDS = 3
#: Seconds beyond the time to live, for the way of the last answer and for clocks.
_SLACK = 0.5

#: The views in a word.
NAMES = {view: view.removeprefix("deal-").removeprefix("activities-") for view in VIEWS}


class ExpiredReads:
    """Reads after the time to live: as many rounds of all views as fit into a minute, at least one.

    Args:
        service: asks it.
        deal: the deal's name.
        ttl: seconds for which values are fresh, at most :data:`LONGEST_TTL`.
        sleep: waits for so many seconds.
    """

    def __init__(self, service: Deployed, deal: str, ttl: float, sleep: Callable[[float], None]) -> None:
        self._service = service
        self._targets = {view: target_of(deal, view) for view in VIEWS}
        self._ttl = ttl
        self._sleep = sleep

    def verdicts(self) -> Iterator[Verdict]:
        """A verdict for each view.

        Raises:
            CannotMeasureError: the service does not answer as one.
        """
        rounds = max(1, min(_MOST_ROUNDS, int(LONGEST_TTL / (self._ttl + _SLACK))))
        self._read_all()
        replies = []
        for _ in range(rounds):
            self._sleep(self._ttl + _SLACK)
            replies.append(self._read_all())
        for view, target in self._targets.items():
            yield self._judge(view, target, [reply[view] for reply in replies])

    def _read_all(self) -> dict[str, Reply]:
        return {view: self._service.expect(target) for view, target in self._targets.items()}

    def _judge(self, view: str, target: str, replies: list[Reply]) -> Verdict:
        what = f"{NAMES[view]} after {self._ttl:g} s"
        ours = [reply for reply in replies if not self._is_of_another_reader(reply)]
        if not ours:
            told = "other readers had it read again each time; take a deal that nobody reads"
            return Verdict(what, None, "MongoDB answers, in its time", told, kept=None)
        return promises.judge_mongodb(what, ours, events_of(ours[-1], target))

    def _is_of_another_reader(self, reply: Reply) -> bool:
        """Return True if a cache rightly had a value: one that was read after ours."""
        return reply.tier in CACHES and float(reply.headers.get("age", self._ttl)) < self._ttl


def events_of(reply: Reply, target: str) -> int:
    """Return how many events a view shows; 0 for one without events.

    Raises:
        CannotMeasureError: it is no JSON object.
    """
    return len(value_of(reply, target).get("events", ()))
