"""The headers of a read through the tiers, what they ask for, and the answer to a conditional request."""

from __future__ import annotations

import math

from werkzeug.http import parse_dict_header, parse_etags

from dealcache.reader import Answer, Mode, Outcome, Step

#: A browser must ask again each time, so that a clear is seen at once; the answer is the user's own.
CACHE_CONTROL = "private, no-cache"

#: RFC 9211, 2.2: why a tier did not answer.
_FORWARD = {
    Outcome.MISS: "fwd=miss",
    Outcome.STALE: "fwd=stale",
    Outcome.UNSURE: "fwd=stale; detail=unsure",
    Outcome.BYPASS: "fwd=request",
    Outcome.ERROR: "fwd=miss; detail=failed",
}


def cache_status(answer: Answer, now: float) -> str:
    """The ``Cache-Status`` of an answer: one member for each tier that was asked (RFC 9211).

    The ``ttl`` of the tier that answered is what is left of the value's time, negative when it is over. An answer that
    served in its time, because every tier below failed, but which this process could not be sure of, is
    marked as ``unsure``.
    """
    ttl = math.floor(answer.entry.expires_at - now)
    members = []
    for step in answer.steps:
        if step.tier != answer.tier:
            members.append(f"dealcache-{step.tier}; {_FORWARD[step.outcome]}")
        elif step.tier == "memory":
            members.append(f"dealcache-memory; hit; ttl={ttl}{_why_stale(answer, ttl)}")
        else:
            members.append(f"dealcache-{step.tier}; hit")
    return ", ".join(members)


def _why_stale(answer: Answer, ttl: int) -> str:
    if not answer.stale:
        return ""
    return "; detail=stale-if-error" if ttl < 0 else "; detail=unsure"


def mode_of(cache_control: str | None) -> Mode:
    """How fresh a request's ``Cache-Control`` wants the answer; None when it has none."""
    # Directives are case-insensitive (RFC 9111, 5.2), which Werkzeug's own property forgets.
    wishes = parse_dict_header((cache_control or "").lower())
    return Mode.NO_CACHE if "no-cache" in wishes else Mode.DEFAULT


def server_timing(steps: tuple[Step, ...]) -> str:
    """The milliseconds spent in each tier asked (W3C Server Timing)."""
    return ", ".join(f"{step.tier};dur={step.milliseconds:.3f}" for step in steps)


def read_headers(answer: Answer, now: float) -> list[tuple[str, str]]:
    """The headers that tell where an answer came from and how old it is.

    Args:
        answer: what the read path said.
        now: the wall clock, epoch seconds.
    """
    return [
        ("X-Cache-Tier", answer.tier),
        ("Cache-Status", cache_status(answer, now)),
        ("Age", str(max(0, int(now - answer.entry.fetched_at)))),
        ("Cache-Control", CACHE_CONTROL),
        ("Server-Timing", server_timing(answer.steps)),
    ]


def not_modified(if_none_match: str | None, etag: str) -> bool:
    """Whether a request's ``If-None-Match`` names the entity tag, by the weak comparison of RFC 9110, 13.1.2.

    Args:
        if_none_match: the header, None when the request has none.
        etag: the current entity tag with its quotes.
    """
    if if_none_match is None:
        return False
    return parse_etags(if_none_match).contains_weak(etag.strip('"'))
