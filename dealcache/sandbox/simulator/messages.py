"""A request and an answer as the simulator's parts hand them on: plain values, no sockets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

JSON_TYPE = "application/json;charset=utf-8"


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. ``path`` is percent-decoded; header names are lower case; ``query`` keeps repeated names."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes
    base_url: str

    def argument(self, name: str) -> str | None:
        """The last value of a query parameter, None when it is absent."""
        values = self.query.get(name)
        return values[-1] if values else None

    def flag(self, name: str) -> bool:
        """Return True if a query parameter says true, in any case: the official Python client writes ``True``."""
        return (self.argument(name) or "").lower() == "true"

    def listed(self, name: str) -> list[str]:
        """The values of a query parameter that may be comma-separated, repeated, or both."""
        parts = (part.strip() for value in self.query.get(name, ()) for part in value.split(","))
        return [part for part in parts if part]


@dataclass(slots=True)
class Response:
    """One HTTP answer. ``ending`` says what becomes of it on the wire: sent, cut in the middle, or never sent.

    ``drip`` is the part of it that goes out a byte at a time, with ``drip_seconds`` between two.
    """

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = JSON_TYPE
    ending: Literal["whole", "cut_short", "reset"] = "whole"
    drip: Literal["head", "body"] | None = None
    drip_seconds: float = 0.1


def json_response(status: int, content: Any) -> Response:
    """An answer with ``content`` as its JSON body."""
    return Response(status, orjson.dumps(content))
