"""Flask responses: problems, JSON bytes, and the answers of the read path."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
from flask import Response, request

from dealcache.api import problems
from dealcache.api.read_headers import CACHE_CONTROL, not_modified, read_headers
from dealcache.deals import DealKey
from dealcache.logs import request_id_var
from dealcache.reader import Answer
from dealcache.reader.entries import entity_tag

JSON = "application/json"


def problem_response(problem: problems.Problem) -> Response:
    """A problem as a response."""
    body = problem.body(request_id_var.get())
    response = Response(body, status=problem.status, content_type=problems.CONTENT_TYPE)
    response.headers.update(problem.headers)
    return response


def json_response(content: Any, status: int = 200) -> Response:
    """``content`` as JSON, never kept by a cache on the way."""
    response = Response(orjson.dumps(content), status=status, content_type=JSON)
    response.headers["Cache-Control"] = "no-store"
    return response


def conditional_response(body: bytes, etag: str, headers: Iterable[tuple[str, str]]) -> Response:
    """A body with its entity tag, or 304 when the client has it (RFC 9110, 13.1.2)."""
    all_headers = [("ETag", etag), *headers]
    if not_modified(request.headers.get("If-None-Match"), etag):
        response = Response(status=304, headers=all_headers)
        del response.headers["Content-Type"]
        return response
    return Response(body, headers=all_headers, content_type=JSON)


def unknown_deal(key: DealKey) -> problems.Problem:
    """The 404 for a deal that no tier knows."""
    shown = f"the name {key.value!r}" if key.by == "name" else f"the id {key.value}"
    return problems.Problem(404, f"No deal of {shown} is known.")


def read_response(answer: Answer, key: DealKey, now: float, part: bytes | None = None) -> Response:
    """The response to a read through the tiers.

    Args:
        answer: what the read path said.
        key: which deal was asked for.
        now: the wall clock, epoch seconds.
        part: a body cut from the answer's, when only a part was asked for.
    """
    headers = read_headers(answer, now)
    if answer.entry.status == 404:
        response = problem_response(unknown_deal(key))
        response.headers.update(dict(headers))
        return response
    if part is not None:
        return conditional_response(part, entity_tag(part), headers)
    return conditional_response(answer.entry.body, answer.entry.etag, headers)


def stored_response(body: bytes) -> Response:
    """The response to a read of MongoDB alone."""
    return conditional_response(body, entity_tag(body), [("Cache-Control", CACHE_CONTROL)])
