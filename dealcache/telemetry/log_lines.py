"""The log lines of reads and of requests, for a person and, by their fields, for a collector."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from dealcache.telemetry.logs import write

_read_log = logging.getLogger("dealcache.read")
#: gunicorn's access log.
_request_log = logging.getLogger("gunicorn.access")


def log_read(
    view: str,
    deal: str,
    tier: str | None,
    milliseconds: float,
    status: int,
    stale: bool = False,
    detail: str = "",
    at: float | None = None,
) -> None:
    """Write the line of one read.

    Args:
        view: the view that was asked for.
        deal: the deal as the reader named it.
        tier: the tier that answered, None when none could.
        milliseconds: how long the read took.
        status: the HTTP status of the answer.
        stale: whether a stale value served.
        detail: why the read failed.
        at: the time of it, epoch seconds; now unless given.
    """
    note = f" {detail}" if detail else (" stale" if stale else "")
    write(
        _read_log,
        logging.INFO if tier else logging.ERROR,
        f"{tier or 'error'} {view} {deal} {milliseconds:.2f} ms {status}{note}",
        {"deal": deal, "view": view, "tier": tier, "ms": round(milliseconds, 3), "status": status, "stale": stale},
        at,
    )


def log_hits(counts: Mapping[str, int]) -> None:
    """Write one line for many reads that memory answered: the number for each view and deal."""
    count = sum(counts.values())
    message = f"memory {_the_only(counts)} x {count} 200"
    write(_read_log, logging.INFO, message, {"tier": "memory", "status": 200, "count": count, "hits": dict(counts)})


def log_request(
    method: str, target: str, status: int, milliseconds: float, size: int, *, at: float | None = None, **fields: str
) -> None:
    """Write the access log's line of one request.

    Args:
        method: the HTTP method.
        target: the target in the request line.
        status: the HTTP status of the answer.
        milliseconds: how long it took.
        size: bytes of the body that was sent.
        at: the time of it, epoch seconds; now unless given.
        fields: further fields: ``request_id``, ``remote``, ``user_agent``.
    """
    known = {"method": method, "target": target, "status": status, "bytes": size, "ms": round(milliseconds, 3)}
    write(_request_log, logging.INFO, f"{method} {target} {status} {milliseconds:.2f} ms", known | fields, at)


def log_requests(counts: Mapping[str, int]) -> None:
    """Write one line of the access log for many requests: the number by method, target and status."""
    count = sum(counts.values())
    write(_request_log, logging.INFO, f"{_the_only(counts)} x {count}", {"count": count, "requests": dict(counts)})


def _the_only(counts: Mapping[str, int]) -> str:
    return next(iter(counts)) if len(counts) == 1 else f"{len(counts)} different"


def log_batch(
    deals: int, views: Sequence[str], tiers: Mapping[str, int], problems: Mapping[str, int], milliseconds: float
) -> None:
    """Write the line of one batch.

    Args:
        deals: the number of deals that were asked for.
        views: the views of each deal.
        tiers: how many views each tier answered.
        problems: the number of deals that could not be answered, by the reason.
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
