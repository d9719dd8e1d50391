"""The reports of workers, sent with their signs of life: a kilobyte each, so that the state of all is available."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import orjson

from dealcache.tiers import Usage

#: The format of :func:`encode`; another release may have another one.
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class DailyCalls:
    """Today's remaining calls, their limit, and how many seconds ago HubSpot stated them; None if it did not."""

    left: int | None
    limit: int | None
    age: float


@dataclass(frozen=True, slots=True)
class CallOutcome:
    """The outcome of the last call: ``served`` or not by HubSpot, and how many seconds ago."""

    served: bool
    age: float


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """The state of one worker.

    Args:
        by_tier: how many reads each tier of the worker has answered.
        usage: the size of its memory tier.
        latencies: the durations of the last minute's reads of each tier, counted by bucket.
        calls_left: how many calls each of HubSpot's limits allows this worker now, if it has a share of its own.
        daily: the day's calls as HubSpot stated them; None if it did not yet.
        hubspot: the outcome of its last call; None before the first.
    """

    by_tier: Mapping[str, int]
    usage: Usage
    latencies: Mapping[str, Mapping[int, int]]
    calls_left: Mapping[str, int]
    daily: DailyCalls | None
    hubspot: CallOutcome | None


def encode(report: WorkerReport) -> bytes:
    """Return a report as a message."""
    content = {"format": _FORMAT} | asdict(report)
    return zlib.compress(orjson.dumps(content, option=orjson.OPT_NON_STR_KEYS), 1)


def decode(message: bytes) -> WorkerReport | None:
    """Return the report of a message; None if it has another form, perhaps that of another release."""
    try:
        content = orjson.loads(zlib.decompress(message))
        if content.pop("format") != _FORMAT:
            return None
        latencies = {
            tier: {int(bucket): count for bucket, count in counts.items()}
            for tier, counts in content["latencies"].items()
        }
        daily, hubspot = content["daily"], content["hubspot"]
        return WorkerReport(
            **content
            | {
                "usage": Usage(**content["usage"]),
                "latencies": latencies,
                "daily": None if daily is None else DailyCalls(**daily),
                "hubspot": None if hubspot is None else CallOutcome(**hubspot),
            }
        )
    except (KeyError, TypeError, ValueError, AttributeError, zlib.error):
        return None
