"""Begins visits when they are due, whatever has become of the ones before, and times them from that moment."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable

from benchmarks.load.arrivals import Clock, Sleep, keep_to
from benchmarks.load.mix import Call, Mix, Visit
from benchmarks.load.samples import Answer, Arrival, Run, Sample

#: Seconds that a visit waits for a free user before it counts as failed.
QUEUE_PATIENCE = 10.0
NO_USER = "no user was free in time"

Send = Callable[[Call], Awaitable[Answer]]


class Generator:
    """Makes one run.

    A visit that finds all users busy waits for one. It is timed from when it was due all the same, and when no user
    becomes free in time, each of its requests counts as failed.

    Args:
        send: makes a request.
        mix: decides what is asked for, and learns the entity tags.
        users: the most visits under way at once.
        patience: seconds that a visit waits for a user.
        clock: the time in seconds.
        sleep: waits for so many seconds.
    """

    def __init__(
        self,
        send: Send,
        mix: Mix,
        users: int,
        patience: float = QUEUE_PATIENCE,
        clock: Clock = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._patience = patience
        self._send = send
        self._mix = mix
        self._free = asyncio.Semaphore(users)
        self._clock = clock
        self._sleep = sleep
        self._started = 0.0
        self._under_way = 0
        self._run = Run()

    async def run(self, schedule: Iterable[float]) -> Run:
        """Make the visits that are due after so many seconds, and wait for their answers."""
        self._started, computed = self._clock(), time.process_time()
        async with asyncio.TaskGroup() as visits:

            def begin(due: float) -> None:
                visits.create_task(self._visit(self._mix.next(due), due))

            await keep_to(schedule, begin, self._clock, self._sleep)
        self._run.seconds = self._now()
        self._run.processor_seconds = time.process_time() - computed
        return self._run

    def _now(self) -> float:
        """Seconds of the run."""
        return self._clock() - self._started

    async def _visit(self, visit: Visit, due: float) -> None:
        begun = self._now()
        free = await self._wait_for_user()
        queued = self._now() - begun
        if free:
            try:
                self._under_way += 1
                self._run.most_under_way = max(self._run.most_under_way, self._under_way)
                await asyncio.gather(*(self._call(call, due) for call in visit.calls))
            finally:
                self._under_way -= 1
                self._free.release()
        else:
            for call in visit.calls:
                self._keep(call, Answer(0, fault=NO_USER), due, self._now())
        self._run.arrivals.append(Arrival(visit.kind, due, max(0.0, begun - due), queued, self._now() - due))

    async def _wait_for_user(self) -> bool:
        try:
            async with asyncio.timeout(self._patience):
                await self._free.acquire()
        except TimeoutError:
            return False
        return True

    async def _call(self, call: Call, due: float) -> None:
        sent = self._now()
        answer = await self._send(call)
        if answer.etag and not answer.fault:
            self._mix.learn(call.target, answer.etag)
        self._keep(call, answer, due, sent)

    def _keep(self, call: Call, answer: Answer, due: float, sent: float) -> None:
        sample = Sample(call.kind, answer.status, answer.tier, answer.fault, due, self._now() - due, sent - due)
        self._run.samples.append(sample)
