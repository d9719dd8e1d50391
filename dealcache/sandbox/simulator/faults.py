"""Faults that tests put between a client and the simulated HubSpot."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from dealcache.sandbox.simulator.calls import KINDS
from dealcache.sandbox.simulator.messages import Response

_REASONS = {
    401: "INVALID_AUTHENTICATION",
    403: "MISSING_SCOPES",
    404: "OBJECT_NOT_FOUND",
    423: "LOCKED",
    429: "RATE_LIMITS",
    477: "MIGRATION_IN_PROGRESS",
}
#: HubSpot names the seconds to wait while an account moves between data centres.
_HEADERS = {477: {"Retry-After": "5"}}

_PAGE = "<!DOCTYPE html><html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of the calls that it matches, instead of or on top of their ordinary answer.

    ``match`` is the kind of an endpoint as ``Call`` names it (``"search"``), or a
    regular expression that is searched for in ``"METHOD /path"``; with ``record``, only calls that name that record are
    meant, in their path or in the inputs of a batch. ``status`` replaces the answer, with ``body`` (text,
    bytes or a JSON value), an HTML page (``html``) or a suitable error body; None leaves the ordinary answer.
    ``headers`` are added. ``delay`` is in seconds, ``delay_per_input`` too, for each record that the call asks for: the
    inputs of a batch, the ``limit`` of a page. ``drip`` sends that part of the answer (``"head"``, ``"body"``) a byte
    at a time, with ``drip_seconds`` between two. ``reset`` breaks the connection without an answer; ``cut_short``
    breaks it in the middle of the body. The first ``skip`` matching calls pass untouched, the next ``times`` are hit
    (None: all of them).
    """

    match: str
    status: int | None = None
    body: Any = None
    html: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    delay_per_input: float = 0.0
    drip: Literal["head", "body"] | None = None
    drip_seconds: float = 0.1
    reset: bool = False
    cut_short: bool = False
    times: int | None = None
    skip: int = 0
    record: str | None = None

    def matches(self, kind: str, method: str, path: str, body: bytes = b"") -> bool:
        """Return True if a call is one of those that this fault is about."""
        if self.record is not None and not _names(self.record, path, body):
            return False
        if self.match in KINDS:
            return self.match == kind
        return re.search(self.match, f"{method} {path}") is not None

    def replacement(self, correlation_id: str) -> Response | None:
        """The answer to give instead of the ordinary one, None when the ordinary one stands."""
        if self.reset:
            return Response(0, ending="reset")
        if self.status is None:
            return None
        answer = Response(self.status, self._body(self.status, correlation_id))
        if self.html:
            answer.content_type = "text/html; charset=UTF-8"
        answer.headers.update(_HEADERS.get(self.status, {}))
        return answer

    def apply(self, answer: Response) -> None:
        """Adds the headers and the ending to an answer, be it the ordinary one or the replacement."""
        answer.headers.update(self.headers)
        answer.drip, answer.drip_seconds = self.drip, self.drip_seconds
        if self.cut_short:
            answer.ending = "cut_short"

    def seconds(self, inputs: int) -> float:
        """Return how long an answer about so many records is held back."""
        return self.delay + self.delay_per_input * inputs

    def _body(self, status: int, correlation_id: str) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        if isinstance(self.body, str):
            return self.body.encode()
        if self.body is not None:
            return orjson.dumps(self.body)
        if self.html:
            return _PAGE.format(title=f"api.hubapi.com | {status}").encode()
        category = _REASONS.get(status, "INTERNAL_ERROR")
        message = f"injected fault with status {status}"
        body = {"status": "error", "message": message, "correlationId": correlation_id, "category": category}
        return orjson.dumps(body)


def _names(record: str, path: str, body: bytes) -> bool:
    return record in path.split("/") or f'"{record}"'.encode() in body


@dataclass(slots=True)
class _Armed:
    fault: Fault
    seen: int = 0

    def hits(self) -> bool:
        """Counts one matching call and says whether it is hit."""
        self.seen += 1
        nth = self.seen - self.fault.skip
        return nth > 0 and (self.fault.times is None or nth <= self.fault.times)


class Faults:
    """The faults that are set at the moment. Methods may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._armed: list[_Armed] = []

    def add(self, fault: Fault) -> None:
        """Sets a fault. Of several that match a call, the one that was set first hits it.

        Raises:
            ValueError: its ``match`` is no regular expression.
        """
        try:
            re.compile(fault.match)
        except re.error as error:
            raise ValueError(f"not a regular expression: {fault.match!r}: {error}") from error
        with self._lock:
            self._armed.append(_Armed(fault))

    def clear(self) -> None:
        """Takes all faults away."""
        with self._lock:
            self._armed.clear()

    def take(self, kind: str, method: str, path: str, body: bytes = b"") -> Fault | None:
        """The fault that hits this call, if any; counts it as used."""
        with self._lock:
            for armed in self._armed:
                if armed.fault.matches(kind, method, path, body) and armed.hits():
                    return armed.fault
        return None

    def describe(self) -> list[dict[str, Any]]:
        """The faults with how many calls each has matched."""
        with self._lock:
            return [
                {"match": armed.fault.match, "status": armed.fault.status, "matched": armed.seen}
                for armed in self._armed
            ]
