"""HubSpot's error answers: one exception, and the ways to make it that the endpoints share.

Source of the shapes: HubSpot, error handling guide, and the Error schema of its OpenAPI files.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from dealcache.sandbox.simulator.messages import Response, json_response
from dealcache.sandbox.simulator.property_values import InvalidProperties

SCOPES_URL = "https://developers.hubspot.com/scopes"


class ApiError(Exception):
    """An answer that is an error.

    Args:
        status: of the HTTP answer.
        message: for people.
        fields: the further members of the body (``category``, ``errors``, ``context``, …).
        headers: of the answer.
    """

    def __init__(
        self, status: int, message: str, fields: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.fields = fields
        self.headers = headers or {}

    def response(self, correlation_id: str) -> Response:
        """The answer, in HubSpot's envelope."""
        body = {"status": "error", "message": self.message, "correlationId": correlation_id, **self.fields}
        answer = json_response(self.status, body)
        answer.headers.update(self.headers)
        return answer


def new_correlation_id() -> str:
    """A fresh value for ``correlationId`` and the ``X-HubSpot-Correlation-Id`` header."""
    return str(uuid.uuid4())


def invalid(message: str, errors: Iterable[Mapping[str, Any]] = ()) -> ApiError:
    """400: the request cannot be understood or breaks a limit."""
    listed = list(errors)
    return ApiError(400, message, {"category": "VALIDATION_ERROR", **({"errors": listed} if listed else {})})


def invalid_properties(error: InvalidProperties) -> ApiError:
    """400: a write names properties that cannot be written."""
    return invalid(
        f"Property values were not valid: {[problem.message for problem in error.problems]}",
        [
            {"message": problem.message, "code": problem.code, "context": {"propertyName": [problem.name]}}
            for problem in error.problems
        ],
    )


def not_found(record_id: str) -> ApiError:
    """404: no such record, or it is archived and the request did not ask for archived ones."""
    message = "Object not found.  objectId are usually numeric."
    return ApiError(404, message, {"context": {"id": [record_id]}, "category": "OBJECT_NOT_FOUND"})


def unknown_object_type(alias: str) -> ApiError:
    """400: a name that stands for no object type of the account."""
    return invalid(f"Unable to infer object type from: {alias}")


def unknown_path() -> ApiError:
    """404: HubSpot has nothing at this path."""
    return ApiError(404, "resource not found", {"category": "OBJECT_NOT_FOUND"})


def wrong_method() -> ApiError:
    """405: the path is there, but not for this method."""
    return ApiError(405, "The HTTP method is not allowed on this resource.", {"category": "VALIDATION_ERROR"})


def unauthenticated() -> ApiError:
    """401: no token, or not the right one."""
    message = (
        "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more "
        "details at https://developers.hubspot.com/docs/methods/auth/oauth-overview"
    )
    return ApiError(401, message, {"category": "INVALID_AUTHENTICATION"})


def missing_scopes(scopes: Iterable[str]) -> ApiError:
    """403: the token lacks a scope; ``scopes`` are those of which it needs one."""
    message = (
        "This app hasn't been granted all required scopes to make this call. "
        f"Read more about required scopes here: {SCOPES_URL}."
    )
    detail = {
        "message": "One or more of the following scopes are required.",
        "context": {"requiredGranularScopes": list(scopes)},
    }
    fields = {"errors": [detail], "links": {"scopes": SCOPES_URL}, "category": "MISSING_SCOPES"}
    return ApiError(403, message, fields)
