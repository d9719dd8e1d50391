"""Visits are begun and timed by the schedule, whatever becomes of them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence

import pytest

from benchmarks.load.generator import NO_USER, Generator
from benchmarks.load.mix import Call, Kind, Mix, Visit
from benchmarks.load.samples import Answer, Run
from tests.unit.load import virtual_time

Send = Callable[[Call], Awaitable[Answer]]


class Plain(Mix):
    """Makes visits of one request each."""

    def __init__(self) -> None:
        super().__init__(["Deal"], random.Random(1))
        self.learnt: list[tuple[str, str]] = []

    def next(self, due: float) -> Visit:
        return Visit(Kind.FIRST, (Call(Kind.FIRST, f"/{due}"),))

    def learn(self, target: str, etag: str) -> None:
        self.learnt.append((target, etag))


def run(send: Send, schedule: Sequence[float], users: int = 100, patience: float = 10.0, mix: Mix | None = None) -> Run:
    async def work() -> Run:
        generator = Generator(send, mix or Plain(), users, patience, clock=virtual_time.now)
        return await generator.run(schedule)

    return virtual_time.run(work())


def answers_after(seconds: float) -> Send:
    async def send(_call: Call) -> Answer:
        await asyncio.sleep(seconds)
        return Answer(200, "memory", '"tag"')

    return send


def test_a_slow_answer_delays_no_other_visit() -> None:
    seen = run(answers_after(5.0), [0.0, 0.1, 0.2])
    assert [sample.due for sample in seen.samples] == [0.0, 0.1, 0.2]
    assert [sample.seconds for sample in seen.samples] == pytest.approx([5.0] * 3)
    assert seen.seconds == pytest.approx(5.2)
    assert seen.most_under_way == 3


def test_waiting_for_a_user_counts_in_the_latency() -> None:
    seen = run(answers_after(1.0), [0.0, 0.1, 0.2], users=1)
    assert [sample.seconds for sample in seen.samples] == pytest.approx([1.0, 1.9, 2.8])
    assert [sample.waited for sample in seen.samples] == pytest.approx([0.0, 0.9, 1.8])
    assert [arrival.queued for arrival in seen.arrivals] == pytest.approx([0.0, 0.9, 1.8])
    assert [arrival.late for arrival in seen.arrivals] == pytest.approx([0.0] * 3)
    assert seen.most_under_way == 1


def test_who_finds_no_user_in_time_fails() -> None:
    seen = run(answers_after(5.0), [0.0, 0.1], users=1, patience=2.0)
    failed, answered = seen.samples
    assert (failed.status, failed.fault, failed.due) == (0, NO_USER, 0.1)
    assert failed.seconds == pytest.approx(2.0)
    assert answered.fault == ""
    assert seen.fault_share == 0.5


def test_a_stall_of_the_service_is_seen_by_all_that_were_due_in_it() -> None:
    async def send(_call: Call) -> Answer:
        await asyncio.sleep(max(0.0, 1.0 - virtual_time.now()))  # nothing is answered in the first second
        return Answer(200)

    seen = run(send, [0.1, 0.4, 0.9, 1.5], users=1)
    assert [sample.seconds for sample in seen.samples] == pytest.approx([0.9, 0.6, 0.1, 0.0])


def test_the_requests_of_a_page_are_under_way_together() -> None:
    class Pages(Plain):
        def next(self, due: float) -> Visit:
            return Visit(Kind.PAGE, tuple(Call(name, "/") for name in "abc"))

    seen = run(answers_after(1.0), [0.0], mix=Pages())
    assert [sample.seconds for sample in seen.samples] == pytest.approx([1.0] * 3)
    assert [arrival.seconds for arrival in seen.arrivals] == pytest.approx([1.0])


def test_the_mix_learns_the_tags_of_good_answers_only() -> None:
    async def send(call: Call) -> Answer:
        return Answer(200, "memory", '"tag"') if call.target == "/0.0" else Answer(500, "", '"no"', "500")

    mix = Plain()
    seen = run(send, [0.0, 0.1], mix=mix)
    assert mix.learnt == [("/0.0", '"tag"')]
    assert [(sample.status, sample.tier, sample.fault) for sample in seen.samples] == [
        (200, "memory", ""),
        (500, "", "500"),
    ]
