"""Responses: problems, JSON, lists, reads of the tiers with their headers, and conditional requests.

The entity tags of long lists are made before they are read, so that an unchanged list costs little. A list shows
MongoDB's documents and HubSpot's labels. The version of all lists identifies the documents and a digest the labels, so
a tag is the same in all workers. Both are read before the contents: contents newer than their tag get another one the
next time.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson
from flask import Response, request
from werkzeug.datastructures import Headers
from werkzeug.http import parse_dict_header, parse_etags

from dealcache.api import problems
from dealcache.api.streaming import streamed_response
from dealcache.model.deals import DealKey
from dealcache.model.freshness import as_of_text
from dealcache.reader.answers import Answer, Mode, Step, TierOutcome
from dealcache.reader.entries import entity_tag
from dealcache.telemetry.logs import request_id_var
from dealcache.tiers import Entry

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: A browser must ask again each time, so that a clear takes effect at once; the answer is private to the user.
CACHE_CONTROL = "private, no-cache"

#: The version of the format of lists: another release must not take its tags for this one's.
_LIST_FORMAT = 2

_LIST_HEADERS = (("Cache-Control", CACHE_CONTROL),)

#: RFC 9211, 2.2: the reason why a tier did not answer.
_FORWARD = {
    TierOutcome.MISS: "fwd=miss",
    TierOutcome.STALE: "fwd=stale",
    TierOutcome.UNSURE: "fwd=stale; detail=unsure",
    TierOutcome.BYPASS: "fwd=request",
    TierOutcome.ERROR: "fwd=miss; detail=failed",
}


def cache_status(answer: Answer, now: float) -> str:
    """Return the ``Cache-Status`` of an answer: one member for each tier that was asked (RFC 9211).

    The ``ttl`` is the rest of the value's time, negative when it is over. A fresh value that this process could not
    trust, served because every tier below failed, is marked as ``unsure``.
    """
    ttl = math.floor(answer.entry.expires_at - now)
    members = []
    for step in answer.steps:
        if step.tier != answer.tier:
            members.append(f"dealcache-{step.tier}; {_FORWARD[step.outcome]}")
        elif step.tier == "memory":
            members.append(f"dealcache-memory; hit; ttl={ttl}{_why_stale(answer, ttl)}")
        else:
            members.append(f"dealcache-{step.tier}; hit{'; detail=revalidating' if answer.revalidating else ''}")
    return ", ".join(members)


def _why_stale(answer: Answer, ttl: int) -> str:
    if not answer.stale:
        return ""
    return "; detail=stale-if-error" if ttl < 0 else "; detail=unsure"


def mode_of(cache_control: str | None) -> Mode:
    """Return the mode that a request's ``Cache-Control`` asks for."""
    if cache_control is None:
        return Mode.DEFAULT
    # Directives are case-insensitive (RFC 9111, 5.2), which Werkzeug's own property forgets.
    wishes = parse_dict_header(cache_control.lower())
    return Mode.NO_CACHE if "no-cache" in wishes else Mode.DEFAULT


def server_timing(steps: Iterable[Step]) -> str:
    """Return the milliseconds spent in each tier asked (W3C Server Timing)."""
    return ", ".join(f"{step.tier};dur={step.milliseconds:.3f}" for step in steps)


def content_headers(body: bytes, etag: str, unmodified: bool) -> tuple[str, list[tuple[str, str]]]:
    """Return the status and the headers that describe the content; if it is ``unmodified``, those of a 304.

    Source: RFC 9110, 15.4.5.
    """
    if unmodified:
        return "304 NOT MODIFIED", [("ETag", etag)]
    return "200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body))), ("ETag", etag)]


def read_headers(answer: Answer, now: float) -> list[tuple[str, str]]:
    """Return the headers with the source of an answer and its age at ``now``, in epoch seconds."""
    return [
        ("X-Cache-Tier", answer.tier),
        ("Cache-Status", cache_status(answer, now)),
        ("Age", str(max(0, int(now - answer.entry.fetched_at)))),
        ("Cache-Control", CACHE_CONTROL),
        *as_of_headers(answer.entry),
        ("Server-Timing", server_timing(answer.steps)),
    ]


def stored_headers(entry: Entry) -> list[tuple[str, str]]:
    """Return the headers of an answer from MongoDB alone."""
    return [("Cache-Control", CACHE_CONTROL), *as_of_headers(entry)]


def as_of_headers(entry: Entry) -> list[tuple[str, str]]:
    """Return the header with the moment up to which HubSpot's changes are known to be in an answer; none if unknown."""
    shown = shown_as_of(entry.data_as_of)
    return [] if shown is None else [("X-Data-As-Of", shown)]


def shown_as_of(data_as_of: float | None) -> str | None:
    """Return a moment in epoch seconds as ``X-Data-As-Of`` shows it; None for None."""
    return None if data_as_of is None else _shown_second(int(data_as_of))


@lru_cache(1024)  # a batch shows a hundred of them, and most deals have the watermark's
def _shown_second(second: int) -> str:
    return as_of_text(datetime.fromtimestamp(second, UTC))


def not_modified(if_none_match: str | None, etag: str) -> bool:
    """Return True if ``If-None-Match`` names the entity tag, by the weak comparison of RFC 9110, 13.1.2."""
    if if_none_match is None:
        return False
    return parse_etags(if_none_match).contains_weak(etag.strip('"'))


JSON = "application/json"


class CompleteResponse(Response):
    """A response that is given all of its headers, its length included.

    Werkzeug copies the headers of any other response to complete them, which takes a cached read 12 µs.
    """

    default_mimetype = None

    def get_wsgi_headers(self, environ: WSGIEnvironment) -> Headers:
        """Return the headers as they are."""
        return self.headers


def problem_response(problem: problems.Problem) -> Response:
    """Return a problem as a response."""
    body = problem.body(request_id_var.get())
    response = Response(body, status=problem.status, content_type=problems.CONTENT_TYPE)
    response.headers.update(problem.headers)
    return response


def json_response(content: Any, status: int = 200) -> Response:
    """Return ``content`` as JSON that intermediate caches must not store."""
    body = orjson.dumps(content)
    headers = [("Content-Type", JSON), ("Content-Length", str(len(body))), ("Cache-Control", "no-store")]
    return CompleteResponse([body], status, headers)


def conditional_response(body: bytes, etag: str, headers: Iterable[tuple[str, str]]) -> Response:
    """Return a body with its entity tag, or 304 if the client has it (RFC 9110, 13.1.2)."""
    unmodified = not_modified(request.environ.get("HTTP_IF_NONE_MATCH"), etag)
    status, content = content_headers(body, etag, unmodified)
    return CompleteResponse([] if unmodified else [body], status, [*content, *headers])


def unknown_deal(key: DealKey) -> problems.Problem:
    """Return the 404 for a deal that no tier knows."""
    shown = f"the name {key.value!r}" if key.by == "name" else f"the id {key.value}"
    return problems.Problem(404, f"No deal of {shown} is known.")


def read_response(answer: Answer, key: DealKey, now: float) -> Response:
    """Return the response to a read of ``key`` through the tiers."""
    headers = read_headers(answer, now)
    if answer.entry.status == 404:
        response = problem_response(unknown_deal(key))
        response.headers.update(dict(headers))
        return response
    return conditional_response(answer.entry.body, answer.entry.etag, headers)


def stored_response(entry: Entry | None, key: DealKey) -> Response:
    """Return the response to a read of ``key`` from MongoDB alone; ``entry`` is None if it does not know the deal."""
    if entry is None:
        return problem_response(unknown_deal(key))
    return conditional_response(entry.body, entry.etag, stored_headers(entry))


def list_tag(*depends_on: object) -> str:
    """Return the entity tag of a list that depends only on these values."""
    return entity_tag(orjson.dumps([_LIST_FORMAT, *depends_on]))


def short_list(content: object) -> Response:
    """Return a list of some dozens of rows, or 304 if the client has it; it is cheap enough to tag its contents."""
    body = orjson.dumps(content)
    return conditional_response(body, entity_tag(body), _LIST_HEADERS)


def long_list(pieces: Iterator[bytes], etag: str) -> Response:
    """Return a list of any length, or 304 if the client has it; nothing is read before the first of ``pieces``.

    Raises:
        StoreError: MongoDB failed before there was anything to send.
    """
    if not_modified(request.environ.get("HTTP_IF_NONE_MATCH"), etag):
        return conditional_response(b"", etag, _LIST_HEADERS)
    body = iter(()) if request.method == "HEAD" else pieces
    return streamed_response(body, JSON, [("ETag", etag), *_LIST_HEADERS])
