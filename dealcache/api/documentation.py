"""What the OpenAPI description says of answers, written once for all blueprints."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

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

READ_HEADERS: Headers = (
    CACHE_CONTROL
    | SERVER_TIMING
    | {
        "X-Cache-Tier": _header("The tier that answered.", enum=["memory", "redis", "mongodb", "hubspot"]),
        "Cache-Status": _header("What each tier asked had to say (RFC 9211); a stale answer says so."),
        "Age": _header("Seconds since the value was read from MongoDB or HubSpot.", "integer"),
    }
)


class Documented:
    """One answer besides the ordinary one: its status, when it comes, and its headers."""

    def __init__(self, status: int, description: str, headers: Headers | None = None) -> None:
        self.status = status
        self.description = description
        self.headers = headers or {}


NOT_MODIFIED = Documented(304, "The client's copy is current.", ETAG)
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
    Documented(403, "The admin token is needed."),
)


def documented(
    blueprint: Blueprint,
    schema: type[ma.Schema] | ma.Schema | None,
    answers: Sequence[Documented] = (),
    headers: Mapping[str, Any] | None = None,
    access: bool = True,
    status: int = 200,
) -> Callable[[F], F]:
    """Describe a view function that returns a finished response.

    Args:
        blueprint: the view's blueprint.
        schema: what the body of the ordinary answer holds; None if it has none.
        answers: which other answers there are.
        headers: the headers of the ordinary answer.
        access: whether the path may ask for a token.
        status: the status of the ordinary answer.
    """

    def decorate(view: F) -> F:
        described: Callable[..., Any] = view
        for answer in (*answers, *(_ACCESS if access else ())):
            body = {} if answer.status < 400 else {"schema": schemas.ProblemSchema, "content_type": CONTENT_TYPE}
            described = blueprint.alt_response(
                answer.status,
                description=answer.description,
                headers=answer.headers,
                success=answer.status < 400,
                **body,
            )(described)
        described = blueprint.response(status, schema, headers=dict(headers or {}))(described)
        # What the decorators wrap around the view would hand its finished response on, each in some microseconds of
        # every request; the description is all that is wanted of them.
        view._apidoc = described._apidoc  # type: ignore[attr-defined]
        return view

    return decorate
