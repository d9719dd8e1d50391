"""The heads of answers to hits, as far as they are the same for all that are given in the same second."""

from __future__ import annotations

import math
from typing import NamedTuple

from gunicorn import SERVER
from gunicorn.util import http_date

from dealcache.api.hits import content_headers
from dealcache.api.read_headers import read_headers
from dealcache.reader import Answer, Outcome, Step
from dealcache.tiers import Entry


class Heads(NamedTuple):
    """Two beginnings of an answer's head, each up to the duration at the end of ``Server-Timing``.

    ``until`` is when they turn wrong, epoch seconds; ``etag`` is the entity tag as it stands in the answer.
    """

    until: float
    full: bytes
    unmodified: bytes
    etag: bytes


def make_heads(entry: Entry, now: float) -> Heads:
    """The heads of answers with ``entry``.

    Args:
        entry: a fresh value of memory.
        now: the wall clock, epoch seconds.
    """
    return Heads(_until(entry, now), _head(entry, now, False), _head(entry, now, True), entry.etag.encode())


def _head(entry: Entry, now: float, unmodified: bool) -> bytes:
    status, content = content_headers(entry, unmodified)
    answer = Answer(entry, "memory", (Step("memory", Outcome.HIT, 0.0),))
    *told, (last, _) = read_headers(answer, now)
    server = [("Server", SERVER), ("Date", http_date(now)), ("Connection", "keep-alive")]
    lines = [f"{name}: {value}\r\n" for name, value in (*server, *content, *told)]
    return f"HTTP/1.1 {status}\r\n{''.join(lines)}{last}: memory;dur=".encode("latin-1")


def _until(entry: Entry, now: float) -> float:
    """When the first of ``Date``, ``Age`` and the ``ttl`` of ``Cache-Status`` changes."""
    age = max(0, int(now - entry.fetched_at))
    ttl = math.floor(entry.expires_at - now)
    return min(math.floor(now) + 1.0, entry.fetched_at + age + 1.0, entry.expires_at - ttl)
