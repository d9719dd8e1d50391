"""The service's promises, and the verdicts on whether replies keep them. Nothing here sends a request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.client import Reply
from benchmarks.perf.timing import RoundTrip, data_age, median_of, server_timing, show_reply

#: Milliseconds, as Server-Timing tells them. A timeline may take some more for each of its events, which MongoDB reads
#: and the service encodes one by one.
HIT, MONGODB, MONGODB_EVENT = 1.0, 10.0, 0.1
#: Milliseconds beyond the round trip; the jitter of the way is allowed on top of it.
HIT_BEYOND, PARALLEL_BEYOND, STATISTICS_BEYOND, CLEAR_BEYOND = 1.0, 5.0, 100.0, 1000.0
#: Seconds within which every worker has taken up a clear.
SPREAD = 1.0
#: Tiers that a clear empties.
CACHES = ("memory", "redis")


@dataclass(frozen=True, slots=True)
class Verdict:
    """One line.

    Attributes:
        what: was asked for.
        milliseconds: until the first byte, the way included.
        promised: in words.
        told: what else is known.
        kept: whether the promise was; None if it could not be judged.
    """

    what: str
    milliseconds: float | None
    promised: str
    told: str
    kept: bool | None

    def show(self) -> str:
        """The line, in columns that stand under :data:`COLUMNS`."""
        mark = {True: "ok", False: "BROKEN", None: "skipped"}[self.kept]
        measured = "" if self.milliseconds is None else f"{self.milliseconds:.2f} ms"
        return f"{mark:8}{self.what:35}{measured:>11}   {self.promised:39} {self.told}"


COLUMNS = f"{'':8}{'':35}{'measured':>11}   {'promised':39} and"


def judge_first(reply: Reply, waited: float, deadline: float) -> Verdict:
    """The first call after a clear.

    Args:
        reply: the first one that no cache gave, or the last one if all came from one.
        waited: seconds after the clear at which it was asked for, 0 when that was at once.
        deadline: seconds that a read of HubSpot may take.
    """
    promised = f"HubSpot within {deadline:g} s" if reply.tier == "hubspot" else "not from memory or Redis"
    told = show_reply(reply)
    if waited and reply.tier not in CACHES:
        told += f"; until {waited:.2f} s after the clear another worker or reader's load answered"
    kept = reply.tier in ("mongodb", "hubspot") and reply.seconds <= deadline
    return Verdict("first call after it", reply.first_byte * 1000, promised, told, kept)


def judge_hit(what: str, replies: Sequence[Reply]) -> Verdict:
    """A call that memory has to answer.

    Args:
        what: the call in words.
        replies: those up to the first from memory; more than one where several workers have memories of their own.
    """
    last = replies[-1]
    spent = server_timing(last)
    told = show_reply(last)
    if len(replies) > 1:
        told += f"; asked {len(replies)} times, as each worker has a memory of its own"
    kept = last.tier == "memory" and bool(spent) and sum(spent.values()) < HIT
    return Verdict(what, last.first_byte * 1000, f"memory, under {HIT:g} ms by Server-Timing", told, kept)


def judge_mongodb(what: str, replies: Sequence[Reply], events: int) -> Verdict:
    """Reads that MongoDB has to answer; the median counts.

    Args:
        what: the reads in words.
        replies: those of one view.
        events: how many events each shows, 0 for a view without them.
    """
    most = MONGODB + events * MONGODB_EVENT
    promised = f"MongoDB within {most:g} ms by Server-Timing"
    spent = [server_timing(reply).get("mongodb", 0.0) for reply in replies if reply.tier == "mongodb"]
    told = f"answered by {_tiers(replies)}"
    if spent:
        told += f"; by Server-Timing {median(spent):.2f} ms, the slowest {max(spent):.2f} ms"
    if events:
        told += f"; {events:,} events"
    kept = len(spent) == len(replies) and min(spent) > 0 and median(spent) <= most
    return Verdict(f"{what}, median of {len(replies)}", median_of(replies), promised, told, kept)


def skip_expiry(ttl: float, longest: float) -> Verdict:
    """Return the line of the reads after their time to live for a service on which that is too long to wait for."""
    told = (
        f"values are fresh for {ttl:g} s here; start a service with CACHE_TTL_SECONDS={longest:g} or less to judge them"
    )
    return Verdict("reads after the time to live", None, "MongoDB answers, in its time", told, kept=None)


def judge_wire(replies: Sequence[Reply], way: RoundTrip) -> Verdict:
    """Hits in a row, as seen from here; the median counts."""
    others = {reply.tier for reply in replies} - {"memory"}
    told = f"some answered by {_tiers(replies)}" if others else ""
    return _within(f"calls in a row, median of {len(replies)}", median_of(replies), HIT_BEYOND, way, told)


def judge_parallel(rounds: Sequence[Sequence[Reply]], way: RoundTrip) -> Verdict:
    """Three views at once, several times; the slowest of each round counts, and of these the median."""
    slowest = [max(replies, key=lambda reply: reply.first_byte) for replies in rounds]
    told = f"the slowest of three; answered by {_tiers([reply for replies in rounds for reply in replies])}"
    return _within(f"three views at once, median of {len(rounds)}", median_of(slowest), PARALLEL_BEYOND, way, told)


def judge_statistics(replies: Sequence[Reply], stats: Mapping[str, Any], way: RoundTrip) -> Verdict:
    """The statistics of the cache; the median counts."""
    told = (
        f"{stats['total_entries']:,} entries, {stats['size_bytes'] / 1e6:,.1f} MB, "
        f"{stats['hit_ratio']:.1%} hits, workers: {stats.get('workers', 'unknown')}"
    )
    return _within(f"statistics, median of {len(replies)}", median_of(replies), STATISTICS_BEYOND, way, told)


def judge_age(reply: Reply, most: float | None, waited: float, now: float) -> Verdict:
    """Judge the age of an answer's data.

    Args:
        reply: the first one that was new enough, or the last one if none was.
        most: seconds that it may be old; None when nothing is promised.
        waited: seconds for which older ones came, 0 when the first one was new enough.
        now: the present, epoch seconds, for a reply that does not tell its time.
    """
    age = data_age(reply, now)
    promised = "its age is told" if most is None else f"at most {most:g} s old"
    if age is None:
        return Verdict("age of the data", reply.first_byte * 1000, promised, "no X-Data-As-Of", kept=False)
    told = f"{age:,.0f} s old: HubSpot's changes are in it up to {reply.headers['x-data-as-of']}"
    if waited:
        told += f"; older data was served for {waited:.1f} s, while HubSpot was asked behind"
    return Verdict("age of the data", reply.first_byte * 1000, promised, told, most is None or age <= most)


def judge_clear(reply: Reply, cleared: int, least: int, way: RoundTrip) -> Verdict:
    """A clear of a deal, of which ``cleared`` entries were cached, and at least ``least`` must have been."""
    told = f"entries cleared: {cleared}"
    return _within("clear", median_of([reply]), CLEAR_BEYOND, way, told, also=cleared >= least)


def _within(what: str, measured: float, most: float, way: RoundTrip, told: str, *, also: bool = True) -> Verdict:
    beyond = measured - way.median
    told = f"{beyond:+.2f} ms{f'; {told}' if told else ''}"
    return Verdict(what, measured, f"round trip and {most:g} ms", told, also and beyond <= most + way.jitter)


def _tiers(replies: Sequence[Reply]) -> str:
    return ", ".join(sorted({reply.tier or "no tier" for reply in replies}))
