"""Measures several servers in turns, and makes sure that each answers from its own cache, in full, all the time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks import machine, wrk
from benchmarks.affinity import processor_seconds
from benchmarks.client import Reply, UnexpectedAnswerError, ask, expect
from benchmarks.service import Server
from benchmarks.wrk import Load, Variety

#: How often, and with how many seconds between, the service is asked whether it has counted everything.
_PATIENCE, _PAUSE = 50, 0.1


@dataclass(frozen=True, slots=True)
class Subject:
    """A request, and the body that the service shows."""

    target: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Contestant:
    """A server that is measured.

    Attributes:
        name: how it is called in the report.
        server: where it runs.
        is_hit: whether an answer comes from its cache, as far as its header fields tell.
        shows: whether a body is what a subject asks for.
        is_origin: whether it is the service itself, behind which the others stand.
        target: where it shows a subject.
    """

    name: str
    server: Server
    is_hit: Callable[[Reply], bool] = lambda reply: True
    shows: Callable[[Subject, bytes], bool] = lambda subject, body: _same(subject.body, body)
    is_origin: bool = False
    target: Callable[[Subject], str] = lambda subject: subject.target

    def check(self, subject: Subject) -> None:
        """Ask once, and make sure that the whole body comes, and from where it is meant to come.

        Raises:
            UnexpectedAnswerError: it does not.
        """
        reply = expect(ask(self.server.base_url, self.target(subject)))
        if not self.is_hit(reply):
            raise UnexpectedAnswerError(f"{self.name} did not answer from its cache: {reply.headers}")
        if not self.shows(subject, reply.body):
            raise UnexpectedAnswerError(f"{self.name} shows something else: {reply.body[:200]!r}")


def _same(one: bytes, other: bytes) -> bool:
    """Return True if two bodies are the same JSON, in whatever form."""
    return one == other or bool(json.loads(one) == json.loads(other))


def check_reads(contestant: Contestant, requests: int, reads: Mapping[str, int]) -> None:
    """Make sure that the service was asked for every request, and answered from memory, or was asked for none.

    Args:
        contestant: who answered them.
        requests: how many there were.
        reads: how many reads each tier of the service has answered meanwhile.

    Raises:
        UnexpectedAnswerError: it was not so.
    """
    hits, others = reads["memory"], sum(count for tier, count in reads.items() if tier != "memory")
    if others or (hits < requests if contestant.is_origin else hits):
        raise UnexpectedAnswerError(f"{contestant.name}: {requests} requests, but reads of the service: {reads}")


@dataclass(frozen=True, slots=True)
class Turn:
    """The result of one measurement of a contestant: the load, and the server's processor time per request in µs."""

    load: Load
    cost: float


class Contest:
    """Measures contestants on one core, with wrk on another.

    Args:
        origin: the service, whose count of reads tells who asks it.
    """

    def __init__(self, origin: Server) -> None:
        self._origin = origin

    def measure(
        self,
        contestant: Contestant,
        subjects: Sequence[Subject],
        seconds: int,
        connections: int = wrk.CONNECTIONS,
        variety: Variety | None = None,
    ) -> Turn:
        """Load a contestant.

        Args:
            contestant: it has the subjects in its cache.
            subjects: what is asked for: the first, unless ``variety`` is given.
            seconds: how long.
            connections: how many.
            variety: requests for all subjects that differ from each other.

        Raises:
            UnexpectedAnswerError: it answered with anything but cache hits, or not in full.
        """
        url = contestant.server.base_url + contestant.target(subjects[0])
        contestant.check(subjects[0])
        before, taken = self._reads(), -processor_seconds(contestant.server.pid)
        load = wrk.load(url, seconds, machine.client_cores(), connections=connections, variety=variety)
        taken += processor_seconds(contestant.server.pid)
        for subject in subjects:
            contestant.check(subject)
        after = self._settled_reads() if contestant.is_origin else self._reads()
        contestant.server.forget_log()
        check_reads(contestant, load.requests, {tier: after[tier] - before[tier] for tier in after})
        if load.mean_bytes < 0.95 * min(len(subject.body) for subject in subjects):
            raise UnexpectedAnswerError(f"{contestant.name} sent {load.mean_bytes:.0f} bytes for each request")
        return Turn(load, 1e6 * taken / load.requests)

    def _settled_reads(self) -> dict[str, int]:
        """The same once nothing changes: after wrk has left, what it asked for last is still answered and counted."""
        reads = self._reads()
        for _ in range(_PATIENCE):
            time.sleep(_PAUSE)
            before, reads = reads, self._reads()
            if reads == before:
                return reads
        raise UnexpectedAnswerError("somebody else asks the service all the time")

    def _reads(self) -> dict[str, int]:
        """Return how many reads each tier of the service has answered."""
        told = json.loads(expect(ask(self._origin.base_url, "/api/hubspot/cache-stats?scope=worker&limit=0")).body)
        return {tier: counted["hits"] for tier, counted in told["tiers"].items()}
