"""Errors as problem+json (RFC 9457), with the two fields of our own: ``request_id``, and ``error`` for the UI."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import orjson

CONTENT_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Problem:
    """One error as a client sees it.

    Args:
        status: the HTTP status.
        detail: one sentence for a person; never holds a token, a connection string or a stack trace.
        errors: for 422, what is wrong field by field.
        headers: further response headers, such as ``Retry-After``.
    """

    status: int
    detail: str
    errors: Mapping[str, list[str]] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The status in words."""
        return HTTPStatus(self.status).phrase

    def body(self, request_id: str) -> bytes:
        """The problem+json body."""
        members: dict[str, Any] = {
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "request_id": request_id,
            "error": self.detail,
        }
        if self.errors is not None:
            members["errors"] = self.errors
        return orjson.dumps(members)


def invalid(errors: Mapping[str, list[str]]) -> Problem:
    """Return the 422 for invalid parameters; its detail names the fields."""
    detail = "; ".join(f"{field}: {' '.join(texts)}" for field, texts in errors.items())
    return Problem(422, detail, errors=errors)
