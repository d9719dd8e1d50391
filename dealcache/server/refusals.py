"""Answers to requests that never reach the application: invalid HTTP, too large, or too late."""

from __future__ import annotations

import logging
from typing import Any

from gunicorn.http import errors as http_errors
from werkzeug.exceptions import HTTPException, RequestTimeout

from dealcache.api.edge import request_id_of
from dealcache.api.problems import CONTENT_TYPE, Problem
from dealcache.telemetry.logs import request_id_var

log = logging.getLogger(__name__)

#: gunicorn_h1c before 0.6.12 distinguishes an unknown transfer coding (RFC 9112, 6.1) from a bad header by this text
#: alone.
_UNSUPPORTED_CODING = "Unsupported Transfer-Encoding"


def too_late(part: str) -> RequestTimeout:
    """Return the error of a client that takes too long to send a part of its request, ``head`` or ``body``."""
    return RequestTimeout(f"The {part} of the request did not arrive in time.")


#: Status and detail for requests that could not be parsed; the first class that matches decides.
_REFUSALS: tuple[tuple[type[BaseException], int, str], ...] = (
    (http_errors.LimitRequestLine, 414, "The request line is too long."),
    (http_errors.LimitRequestHeaders, 431, "The header fields are too large."),
    (http_errors.ExpectationFailed, 417, "This expectation cannot be met."),
    (http_errors.UnsupportedTransferCoding, 501, "This transfer coding is not supported."),
    (http_errors.ForbiddenProxyRequest, 403, "Proxied requests are not accepted from this address."),
    (http_errors.NoMoreData, 400, "The request ends before it is complete."),
    (http_errors.ParseException, 400, "The request is not valid HTTP."),
)


def refusal_of(error: BaseException) -> Problem:
    """Return the problem for an error that reached the worker: the client's fault where it is one, else a 500."""
    if getattr(error, "hdr", None) == _UNSUPPORTED_CODING:
        error = http_errors.UnsupportedTransferCoding(_UNSUPPORTED_CODING)
    match error:
        case HTTPException(code=int(status), description=str(detail)):
            return Problem(status, detail)
    for kind, status, detail in _REFUSALS:
        if isinstance(error, kind):
            return Problem(status, detail)
    return Problem(500, "Something went wrong inside the service.")


def refuse(error: BaseException, client: Any) -> tuple[int, bytes]:
    """Log a request that failed outside the application, and return its answer.

    Args:
        error: why it failed.
        client: the peer's address, as the socket gives it.

    Returns:
        The status and the whole answer, with which the connection ends.
    """
    problem = refusal_of(error)
    request_id = request_id_of(None)
    token = request_id_var.set(request_id)
    try:
        if problem.status == 500:
            log.error("a request failed outside the application", exc_info=error)
        else:
            log.warning("refused a request of %s: %d %s", (client or ("-",))[0], problem.status, problem.detail)
    finally:
        request_id_var.reset(token)
    body = problem.body(request_id)
    head = (
        f"HTTP/1.1 {problem.status} {problem.title}\r\nConnection: close\r\nContent-Type: {CONTENT_TYPE}\r\n"
        f"X-Request-ID: {request_id}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return problem.status, head.encode("latin-1") + body
