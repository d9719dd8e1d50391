"""The log lines of reads and of requests, for a person and, by their fields, for a collector."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from dealcache.logs import write

_read_log = logging.getLogger("dealcache.read")
#: gunicorn's access log.
_request_log = logging.getLogger("gunicorn.access")


def log_read(
    view: str,
    deal: str,
    tier: str | None,
    milliseconds: float | None,
    status: int,
    stale: bool = False,
    detail: str = "",
    count: int = 1,
    at: float | None = None,
) -> None:
    """Write the line of one read, or of many alike.

    Args:
        view: the view that was asked for.
        deal: the deal as the reader named it.
        tier: the tier that answered, None when none could.
        milliseconds: how long the read took, None when the line stands for many.
        status: the HTTP status of the answer.
        stale: whether a stale value served.
        detail: why the read failed.
        count: how many reads the line stands for.
        at: when it was, epoch seconds; now unless given.
    """
    note = f" {detail}" if detail else (" stale" if stale else "")
    fields = {"deal": deal, "view": view, "tier": tier, "status": status, "stale": stale}
    took, duration = _how_much(milliseconds, count)
    message = f"{tier or 'error'} {view} {deal} {took} {status}{note}"
    write(_read_log, logging.INFO if tier else logging.ERROR, message, fields | duration, at)


def log_request(
    method: str,
    target: str,
    status: int,
    milliseconds: float | None = None,
    size: int | None = None,
    *,
    count: int = 1,
    at: float | None = None,
    **fields: str,
) -> None:
    """Write the access log's line of one request, or of many alike.

    Args:
        method: the HTTP method.
        target: the target as it stood in the request line.
        status: the HTTP status of the answer.
        milliseconds: how long it took, None when the line stands for many.
        size: bytes of the body that was sent; None as above.
        count: how many requests the line stands for.
        at: when it was, epoch seconds; now unless given.
        fields: what else is known of it: ``request_id``, ``remote``, ``user_agent``.
    """
    took, duration = _how_much(milliseconds, count)
    known = {"method": method, "target": target, "status": status, "bytes": size}
    told = {name: value for name, value in known.items() if value is not None}
    write(_request_log, logging.INFO, f"{method} {target} {status} {took}", told | duration | fields, at)


def _how_much(milliseconds: float | None, count: int) -> tuple[str, dict[str, float]]:
    """The duration of one, or the number of many, for the message and as a field."""
    if milliseconds is None:
        return f"x {count}", {"count": count}
    return f"{milliseconds:.2f} ms", {"ms": round(milliseconds, 3)}


def log_batch(
    deals: int, views: Sequence[str], tiers: Mapping[str, int], problems: Mapping[str, int], milliseconds: float
) -> None:
    """Write the line of one batch.

    Args:
        deals: for how many deals it asked.
        views: the views of each that were asked for.
        tiers: how many views each tier answered.
        problems: for how many deals nobody could answer, by the reason.
        milliseconds: how long the batch took.
    """
    answered = [f"{count} by {tier}" for tier, count in tiers.items()]
    failed = [f"{count} failed: {reason}" for reason, count in problems.items()]
    write(
        _read_log,
        logging.ERROR if problems else logging.INFO,
        f"batch of {deals} deals, {' and '.join(views)} {milliseconds:.2f} ms: {', '.join([*answered, *failed])}",
        {
            "deals": deals,
            "views": list(views),
            "tiers": dict(tiers),
            "failed": sum(problems.values()),
            "ms": round(milliseconds, 3),
        },
    )
