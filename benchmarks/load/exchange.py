"""Sends requests with aiohttp, and judges the answers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from types import SimpleNamespace, TracebackType

import aiohttp
from yarl import URL

from benchmarks.deployed import Place
from benchmarks.load.mix import Call, Kind
from benchmarks.load.samples import Answer

#: Seconds for one answer; longer than the service's own deadline for HubSpot.
PATIENCE = 30.0
#: Shorter than the service keeps an idle connection, so that none is used that it is just closing.
_KEEP_ALIVE_SECONDS = 30.0


@dataclass(slots=True)
class _Attempts:
    """The number of times that one request was sent."""

    made: int = 0


async def _count(_session: aiohttp.ClientSession, context: SimpleNamespace, _sent: object) -> None:
    context.trace_request_ctx.made += 1


def _counting() -> aiohttp.TraceConfig:
    """Counts attempts: aiohttp sends some requests again when a connection breaks, and says nothing."""
    tracing = aiohttp.TraceConfig()
    tracing.on_request_headers_sent.append(_count)
    return tracing


class Exchange:
    """A context manager with a pool of keep-alive connections.

    Args:
        place: the service.
        connections: the most connections at once.
    """

    def __init__(self, place: Place, connections: int) -> None:
        self._place = place
        # What comes compressed stays so: a browser unpacks elsewhere, and its time is none of the service's.
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections, keepalive_timeout=_KEEP_ALIVE_SECONDS),
            timeout=aiohttp.ClientTimeout(total=PATIENCE),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trace_configs=[_counting()],
        )

    async def send(self, call: Call) -> Answer:
        """Make one request and wait for all of its answer."""
        headers = {**call.headers, **self._place.headers(admin=call.admin)}
        url, attempts = URL(self._place.base_url + call.target, encoded=True), _Attempts()
        try:
            async with self._session.request(
                call.method, url, data=call.body, headers=headers, allow_redirects=False, trace_request_ctx=attempts
            ) as response:
                body = await response.read()
        except TimeoutError:
            return Answer(0, fault=f"no answer within {PATIENCE:g} s")
        except (aiohttp.ClientError, OSError) as error:
            return Answer(0, fault=f"broken connection ({type(error).__name__})")
        got = response.headers
        plain = "Content-Encoding" not in got
        fault = fault_of(call, response.status, body if plain else b"")
        if attempts.made > 1:
            fault = "broken connection (answered when asked again)"
        return Answer(response.status, got.get("X-Cache-Tier", ""), got.get("ETag", ""), fault)

    async def __aenter__(self) -> Exchange:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()


def fault_of(call: Call, status: int, body: bytes) -> str:
    """Return what is wrong with an answer, "" when nothing is.

    Args:
        call: what was asked for.
        status: of the answer.
        body: of the answer; empty when it cannot be read.
    """
    if status == 304 and "If-None-Match" in call.headers:
        return ""
    if status != 200:
        return str(status)
    return _fault_inside(body) if call.kind == Kind.BATCH and body else ""


def _fault_inside(body: bytes) -> str:
    """Return what is wrong with the deals of a batch, which is answered with 200 even if it found none."""
    try:
        failed = sorted({int(error["status"]) for error in json.loads(body)["errors"].values()})
    except (ValueError, KeyError, TypeError, AttributeError):
        return "200 with something else than a batch inside"
    return f"200 with {', '.join(map(str, failed))} inside" if failed else ""
