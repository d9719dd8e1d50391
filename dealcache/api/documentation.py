"""Descriptions of answers for OpenAPI, written once for all blueprints."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import marshmallow as ma
from flask_smorest import Blueprint

from dealcache.api import schemas
from dealcache.api.problems import CONTENT_TYPE

F = TypeVar("F", bound=Callable[..., Any])
Headers = dict[str, dict[str, Any]]


def _header(description: str, kind: str = "string", **schema: Any) -> dict[str, Any]:
    return {"description": description, "schema": {"type": kind, **schema}}


RETRY_AFTER: Headers = {"Retry-After": _header("Seconds to wait before trying again.", "integer")}

ETAG: Headers = {"ETag": _header("The entity tag of the body; give it as `If-None-Match`.")}

CACHE_CONTROL: Headers = {"Cache-Control": _header("A browser asks again each time.")}

SERVER_TIMING: Headers = {"Server-Timing": _header("Milliseconds spent in each tier asked.")}

DATA_AS_OF: Headers = {
    "X-Data-As-Of": _header("Up to when HubSpot's changes are known to be in the answer, in UTC.", format="date-time")
}

READ_HEADERS: Headers = (
    CACHE_CONTROL
    | SERVER_TIMING
    | DATA_AS_OF
    | {
        "X-Cache-Tier": _header("The tier that answered.", enum=["memory", "redis", "mongodb", "hubspot"]),
        "Cache-Status": _header("The outcome at each tier asked (RFC 9211); a stale answer is marked."),
        "Age": _header("Seconds since the value was read from MongoDB or HubSpot.", "integer"),
    }
)


class Documented(NamedTuple):
    """One answer besides the ordinary one: its status, its condition, and its headers."""

    status: int
    description: str
    headers: Headers | None = None


NOT_MODIFIED = Documented(304, "The client's copy is current.", ETAG)
DEAL_NOT_MODIFIED = Documented(304, "The client's copy is current.", ETAG | DATA_AS_OF)
NO_DEAL = Documented(404, "No tier knows this deal.")
STORE_FAILURE = Documented(503, "MongoDB does not answer.", RETRY_AFTER)
ORIGIN_FAILURES = (
    Documented(502, "HubSpot was needed, and refused our token, failed, or answered nonsense."),
    Documented(503, "HubSpot was needed, and limits us, or too many requests wait for it.", RETRY_AFTER),
    Documented(504, "HubSpot was needed, and did not answer in time.", RETRY_AFTER),
)
_ACCESS = (
    Documented(
        401, "A token is needed, and none or an unknown one was given.", {"WWW-Authenticate": _header("Bearer.")}
    ),
    Documented(403, "The admin token is needed; or, without tokens, a page of another site would change something."),
    Documented(
        421, "Without tokens and on a loopback address: `Host` is a name that the service does not know as its own."
    ),
)


#: One for all views, which takes a tenth of the time that the application needs to start.
_PROBLEM = schemas.ProblemSchema()


def documented(
    blueprint: Blueprint,
    schema: type[ma.Schema] | ma.Schema | None,
    answers: Sequence[Documented] = (),
    headers: Mapping[str, Any] | None = None,
    access: bool = True,
    status: int = 200,
) -> Callable[[F], F]:
    """Return a decorator that describes a view function which returns a finished response.

    Args:
        blueprint: the view's blueprint.
        schema: the body of the ordinary answer; None if it has none.
        answers: the other answers.
        headers: the headers of the ordinary answer.
        access: True if the path may require a token.
        status: the status of the ordinary answer.
    """

    def decorate(view: F) -> F:
        described: Callable[..., Any] = view
        for answer in (*answers, *(_ACCESS if access else ())):
            body = {} if answer.status < 400 else {"schema": _PROBLEM, "content_type": CONTENT_TYPE}
            described = blueprint.alt_response(
                answer.status,
                description=answer.description,
                headers=answer.headers or {},
                success=answer.status < 400,
                **body,
            )(described)
        described = blueprint.response(status, schema, headers=dict(headers or {}))(described)
        # The decorators' wrappers would only pass on the finished response, each at a cost of some microseconds per
        # request, so only their description is kept.
        view._apidoc = described._apidoc  # type: ignore[attr-defined]
        return view

    return decorate
