"""The least that a WSGI application can do: ``/300`` answers a ready body of 300 bytes. What gunicorn itself costs."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


@lru_cache
def _ready(path: str) -> tuple[list[tuple[str, str]], bytes]:
    body = b"x" * int(path[1:])
    return [("Content-Type", "application/json"), ("Content-Length", str(len(body)))], body


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer one request (PEP 3333)."""
    headers, body = _ready(environ["PATH_INFO"])
    start_response("200 OK", list(headers))
    return [body]
