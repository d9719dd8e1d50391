"""The short way of a memory hit: answered before Flask's dispatch.

Measured, Flask's dispatch costs more than everything else about a hit together, so a plain read of a fresh memory
entry is answered at the WSGI border. It is an optimisation and nothing more: what is unusual in any way goes to
Flask, and for what is answered here both ways give the same status, headers and body; a test compares them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from dealcache.api.access import Need, Tokens
from dealcache.api.query import InvalidQueryError, deal_key, parse_query
from dealcache.api.read_headers import not_modified, read_headers
from dealcache.api.recorder import ReadRecorder
from dealcache.deals import DealKey
from dealcache.metrics import Metrics
from dealcache.reader import Answer, DealReader, Outcome, Step
from dealcache.tiers import Entry, View

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: The paths that are answered here, and the view that each shows.
PATHS = {
    "/api/hubspot/deal-activities-count": View.ACTIVITIES_COUNT,
    "/api/hubspot/deal-timeline": View.TIMELINE,
    "/api/hubspot/deal-info": View.INFO,
}


class Hit(NamedTuple):
    """A finished answer."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes


class HitResponder:
    """Answers plain reads of fresh memory entries.

    Args:
        reader: the read path.
        tokens: who may read.
        recorder: counts and logs reads.
        metrics: counts requests.
        clock: the wall clock, epoch seconds.
    """

    def __init__(
        self,
        reader: DealReader,
        tokens: Tokens,
        recorder: ReadRecorder,
        metrics: Metrics,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._reader = reader
        self._tokens = tokens
        self._recorder = recorder
        self._metrics = metrics
        self._clock = clock

    def answer(self, environ: WSGIEnvironment) -> Hit | None:
        """The answer to a request, or None when it has to go the ordinary way."""
        started = time.perf_counter()
        view = PATHS.get(environ["PATH_INFO"])
        if view is None or not _is_plain(environ):
            return None
        if self._tokens.refusal(Need.READ, environ.get("HTTP_AUTHORIZATION")) is not None:
            return None
        key = only_deal(environ["QUERY_STRING"])
        if key is None:
            return None
        entry = self._reader.hit(view, key)
        if entry is None:
            return None
        seconds = time.perf_counter() - started
        answer = Answer(entry, "memory", (Step("memory", Outcome.HIT, seconds * 1000.0),))
        self._recorder.answered(view, key, answer, seconds)
        unmodified = not_modified(environ.get("HTTP_IF_NONE_MATCH"), entry.etag)
        status, headers = content_headers(entry, unmodified)
        body = b"" if unmodified or environ["REQUEST_METHOD"] == "HEAD" else entry.body
        self._metrics.request_finished(environ["PATH_INFO"], int(status[:3]))
        return Hit(status, [*headers, *read_headers(answer, self._clock())], body)


def only_deal(query: str) -> DealKey | None:
    """The deal that a query string names, if it names one and says nothing else; else None.

    Args:
        query: percent-encoded, bytes above 127 as Latin-1.
    """
    try:
        values, repeated = parse_query(query)
        key = deal_key(values)
    except InvalidQueryError:
        return None
    return None if len(values) != 1 or repeated else key


def content_headers(entry: Entry, unmodified: bool) -> tuple[str, list[tuple[str, str]]]:
    """The status line's end and the headers that describe the content.

    Args:
        entry: the value.
        unmodified: whether the client has it, so that it gets a 304 (RFC 9110, 15.4.5).
    """
    if unmodified:
        return "304 NOT MODIFIED", [("ETag", entry.etag)]
    length = str(len(entry.body))
    return "200 OK", [("Content-Type", "application/json"), ("Content-Length", length), ("ETag", entry.etag)]


def _is_plain(environ: WSGIEnvironment) -> bool:
    """Whether a request is a GET or HEAD without a body and without the wish to go past the cache."""
    return (
        environ["REQUEST_METHOD"] in ("GET", "HEAD")
        and not environ.get("SCRIPT_NAME")
        and environ.get("CONTENT_LENGTH") in (None, "", "0")
        and "HTTP_TRANSFER_ENCODING" not in environ
        and "no-cache" not in environ.get("HTTP_CACHE_CONTROL", "").lower()
    )
