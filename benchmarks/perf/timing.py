"""The times of a reply: those that the service states, and that of the way to it."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

from benchmarks.client import Reply

_METRIC = re.compile(r"([\w-]+)\s*;(?:[^,]*;)?\s*dur=([0-9.]+)")


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """The way to the service and back, with the least that an answer takes there.

    Attributes:
        median: milliseconds.
        jitter: milliseconds between the first and the third quartile: how exactly anything can be told from here.
    """

    median: float
    jitter: float

    def show(self) -> str:
        """``median ms ± jitter``."""
        return f"{self.median:.2f} ms, half of them within {self.jitter:.2f} ms"


def median_of(replies: Iterable[Reply]) -> float:
    """Milliseconds until the first byte, at the median."""
    return statistics.median(reply.first_byte * 1000 for reply in replies)


def round_trip(replies: Iterable[Reply]) -> RoundTrip:
    """Return what the way takes, from at least two replies to a request that asks nothing."""
    times = [reply.first_byte * 1000 for reply in replies]
    first, median, third = statistics.quantiles(times, n=4, method="inclusive")
    return RoundTrip(median, third - first)


def server_timing(reply: Reply) -> dict[str, float]:
    """The milliseconds that a reply says were spent in each tier; nothing when it does not say."""
    return {name: float(value) for name, value in _METRIC.findall(reply.headers.get("server-timing", ""))}


def show_reply(reply: Reply) -> str:
    """Return who answered, how much came, and where the time went by the service's own account."""
    size = f"{len(reply.body) / 1000:,.1f} kB in {reply.seconds * 1000:.2f} ms"
    spent = ", ".join(f"{name} {value:.2f} ms" for name, value in server_timing(reply).items())
    return f"answered by {reply.tier or 'no tier'}, {size}; by Server-Timing {spent or 'nothing'}"


def data_age(reply: Reply, now: float) -> float | None:
    """Return how many seconds the data of a reply is old, by the service's clock; None when it does not say.

    Args:
        reply: the reply.
        now: the present, epoch seconds, for one without a date.
    """
    as_of = reply.headers.get("x-data-as-of", "")
    try:
        known = datetime.fromisoformat(as_of)
    except ValueError:
        return None
    dated = reply.headers.get("date")
    present = parsedate_to_datetime(dated).timestamp() if dated else now
    return max(0.0, present - known.timestamp())
