"""A small HTTP client whose timings are what a caller sees, and the checks that a measurement begins with."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TypeVar
from urllib.parse import quote, urlsplit

T = TypeVar("T")

VIEWS = ("deal-activities-count", "deal-timeline", "deal-info")
#: What a request ends with when no answer comes.
NO_ANSWER = (OSError, http.client.HTTPException)
#: Seconds after which an answer counts as missing; longer than the service's own deadline.
_PATIENCE = 60.0


class UnexpectedAnswerError(Exception):
    """The answer is not one of those that were meant to be measured."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer; header names are in lower case, ``seconds`` is what the caller waited.

    ``first_byte`` are the seconds until status and headers had come: what a large body's way takes is not in them.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float
    first_byte: float

    @property
    def tier(self) -> str:
        """The tier that answered, "" when none did."""
        return self.headers.get("x-cache-tier", "")


class Client:
    """One keep-alive connection, used by one thread.

    Args:
        base_url: scheme, host and port, and a path if a proxy has the service under one.
        patience: seconds after which an answer counts as missing.
    """

    def __init__(self, base_url: str, patience: float = _PATIENCE) -> None:
        address = urlsplit(base_url)
        secure = address.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        self._connection = kind(address.hostname or "", address.port, timeout=patience)
        self._path = address.path.rstrip("/")

    def ask(self, target: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Reply:
        """Make one request; ``cache_control="no-cache"`` becomes the header ``cache-control``."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        started = time.perf_counter()
        self._connection.request(method, self._path + target, body, named)
        answer = self._connection.getresponse()
        first_byte = time.perf_counter() - started
        content = answer.read()
        seconds = time.perf_counter() - started
        got = {name.lower(): value for name, value in answer.getheaders()}
        return Reply(answer.status, got, content, seconds, first_byte)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()


def ask(base_url: str, target: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Reply:
    """Make one request on a connection of its own."""
    with Client(base_url) as client:
        return client.ask(target, method, body, **headers)


def target_of(deal_name: str, view: str = "deal-timeline") -> str:
    """The path and query under which the service shows a deal."""
    return f"/api/hubspot/{view}?dealName={quote(deal_name, safe='')}"


def expect(reply: Reply, tier: str = "", status: int = 200) -> Reply:
    """``reply``, if it has this status and comes from this tier.

    Raises:
        UnexpectedAnswerError: it does not.
    """
    if reply.status != status or (tier and reply.tier != tier):
        got = f"{reply.status} from {reply.tier or 'no tier'}: {reply.body[:200]!r}"
        raise UnexpectedAnswerError(f"expected {status}{f' from {tier}' if tier else ''}, got {got}")
    return reply


def together(works: Sequence[Callable[[], T]]) -> list[T]:
    """Do all works at the same moment, each in a thread of its own; the results in their order, once all have ended.

    Raises:
        RuntimeError: one of them failed, which is the cause.
    """
    barrier = threading.Barrier(len(works))
    results: dict[int, T] = {}
    errors: list[Exception] = []

    def run(number: int, work: Callable[[], T]) -> None:
        barrier.wait()
        try:
            results[number] = work()
        except Exception as error:  # noqa: BLE001 - raised in the caller's thread
            errors.append(error)

    threads = [threading.Thread(target=run, args=pair, daemon=True) for pair in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise RuntimeError(f"{len(errors)} of {len(works)} failed: {errors[0]!r}") from errors[0]
    return [results[number] for number in range(len(works))]
