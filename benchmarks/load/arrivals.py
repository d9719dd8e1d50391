"""When page views are due, and who keeps to it whatever becomes of the ones before."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Iterable, Iterator

#: Seconds, from any beginning.
Clock = Callable[[], float]
Sleep = Callable[[float], Awaitable[None]]


def poisson(rate: float, duration: float, rng: random.Random) -> Iterator[float]:
    """The seconds after the start at which something is due that happens independently of what happened before.

    Args:
        rate: how often per second on average.
        duration: seconds after which nothing more is due.
        rng: gives the chance.
    """
    due = rng.expovariate(rate)
    while due < duration:
        yield due
        due += rng.expovariate(rate)


async def keep_to(schedule: Iterable[float], begin: Callable[[float], None], clock: Clock, sleep: Sleep) -> None:
    """Begin each thing when it is due, or as soon after that as possible; none is left out, and none awaited.

    Args:
        schedule: the seconds after now at which something is due, ascending.
        begin: gets these seconds; it returns at once.
        clock: the time in seconds.
        sleep: waits for so many seconds; 0 lets others run.
    """
    started = clock()
    for due in schedule:
        await sleep(max(0.0, started + due - clock()))
        begin(due)
