"""Calls to an instance, over connections that stay open as a browser's do, with the moments that judge them by."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import orjson

from tests.soak.sockets import holder_of_other_end

#: Seconds until a client gives up: longer than any answer may take, for a read ends at HUBSPOT_DEADLINE_SECONDS.
PATIENCE = 25.0

#: What becomes of a request on a connection that the server has closed in the meantime.
_GONE = (ConnectionResetError, BrokenPipeError)


@dataclass(frozen=True, slots=True)
class Call:
    """A request: ``what`` names its kind in the report, ``path`` holds the query too."""

    what: str
    path: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of an instance; header names are in lower case."""

    call: Call
    instance: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    begun_at: float
    ended_at: float

    def json(self) -> Any:
        """The decoded body.

        Raises:
            orjson.JSONDecodeError: it is no JSON.
        """
        return orjson.loads(self.body)


@dataclass(frozen=True, slots=True)
class Failure:
    """That no answer came: ``reason`` is ``refused``, ``closed``, ``timed out`` or ``cut short``."""

    call: Call
    instance: str
    reason: str
    begun_at: float
    ended_at: float


Outcome = Answer | Failure


def with_query(path: str, **query: str) -> str:
    """A path with a query; blanks become ``%20``, as browsers write them."""
    return f"{path}?{urlencode(query, quote_via=quote)}" if query else path


class Connection:
    """One connection to an instance, opened again when it is lost. One call at a time; not for several threads.

    Args:
        instance: the instance's name.
        port: where it listens, on the loopback interface.
        clock: a monotonic clock in seconds.
    """

    def __init__(self, instance: str, port: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.instance = instance
        self._clock = clock
        self._http = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        self._call: Call | None = None
        self._begun_at = 0.0
        self._reused = False
        self._unsent: Exception | None = None
        #: How often a request met a connection that the server had closed, and went over a new one.
        self.reconnects = 0
        #: Whether the last call has failed, so that it is better to go elsewhere.
        self.broken = False

    def ask(self, call: Call) -> Outcome:
        """Make a call and wait for what comes of it."""
        self.send(call)
        return self.receive()

    def send(self, call: Call) -> None:
        """Send a request; :meth:`receive` tells what came of it."""
        self._call, self._unsent = call, None
        self._reused = self._http.sock is not None
        self._begun_at = self._clock()
        try:
            self._http.request(call.method, call.path, body=call.body, headers=dict(call.headers))
        except (OSError, http.client.HTTPException) as error:
            self._unsent = error

    def receive(self) -> Outcome:
        """Wait for what comes of the request that was sent last."""
        assert self._call is not None
        try:
            if self._unsent is not None:
                raise self._unsent
            response = self._http.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            self.broken = True
            if self._reused and isinstance(error, _GONE):
                self.reconnects += 1
                self.broken = False
                return self.ask(self._call)
            return Failure(self._call, self.instance, _reason(error), self._begun_at, self._clock())
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(self._call, self.instance, response.status, headers, body, self._begun_at, self._clock())

    def close(self) -> None:
        """Close it; the next call opens a new one."""
        self._http.close()

    def worker(self, pids: Collection[int]) -> int | None:
        """Return the process that holds the other end of this connection; None when none does, or it is closed."""
        return None if self._http.sock is None else holder_of_other_end(self._http.sock, pids)


def _reason(error: Exception) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    if isinstance(error, TimeoutError):
        return "timed out"
    if isinstance(error, _GONE):
        return "closed"
    return "cut short"
