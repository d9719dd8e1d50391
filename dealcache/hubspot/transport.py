"""One HTTP exchange with HubSpot: bytes out, bytes in, within the deadline. No retries, no limits, no JSON."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import orjson
import requests
import urllib3
from requests.structures import CaseInsensitiveDict

from dealcache import __version__
from dealcache.hubspot.answers import Answer
from dealcache.hubspot.call_timer import CallTimer, timed
from dealcache.hubspot.connections import BoundedAdapter
from dealcache.hubspot.errors import AnswerTooLarge, HubSpotError, MalformedAnswer, TimedOut, Unavailable
from dealcache.model.deadline import Deadline

#: The largest body that is accepted, in bytes: 100 e-mails with text and HTML of 300 KB each stay below it.
MOST_BODY_BYTES = 64 * 1024 * 1024

_CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """A request to HubSpot.

    Args:
        endpoint: the label of the call in metrics and messages; a small fixed set of them.
        method: the HTTP method.
        path: from the root of HubSpot's host.
        params: the query.
        json: the body; None for none.
    """

    endpoint: str
    method: str
    path: str
    params: Mapping[str, str] | None = None
    json: object = field(default=None, repr=False)  # it may hold the token


class Transport:
    """Keeps the connections to HubSpot, and puts the token, which shows in no repr, on each request. Thread-safe.

    Args:
        base_url: scheme and host, such as ``https://api.hubapi.com``.
        token: the access token.
        pool_size: connections kept open; as many as threads call at the same time.

    Raises:
        ValueError: the token is not a valid one.
    """

    def __init__(self, base_url: str, token: str, pool_size: int) -> None:
        if not token or not all("!" <= character <= "~" for character in token):
            # Checked here because http.client would put the whole value into its own error.
            raise ValueError("the HubSpot access token is empty or holds characters no token has")
        self._base_url = base_url.rstrip("/")
        own = {"User-Agent": f"dealcache/{__version__}", "Accept": "application/json"}
        self._headers = {**requests.utils.default_headers(), **own, "Authorization": f"Bearer {token}"}
        self._adapter = BoundedAdapter(pool_connections=1, pool_maxsize=pool_size, max_retries=0)
        self._settings = _environment_settings(self._base_url)
        self._turn = None if _is_socks(self._base_url, self._settings) else threading.Lock()

    def __repr__(self) -> str:
        return f"Transport({self._base_url!r})"

    def exchange(self, request: Request, deadline: Deadline, answer_seconds: float) -> Answer:
        """Send one request and read the whole answer, whatever its status.

        The deadline bounds all of it, even an answer that arrives a byte at a time; and each step has a limit of its
        own, see ``call_timer``. A connection whose exchange was broken off is never used again.

        Args:
            request: what to send.
            deadline: nothing lasts longer. When it moves nearer, the call ends within half a second.
            answer_seconds: how long to wait for the first byte of the answer.

        Raises:
            TimedOut: no answer in time.
            Unavailable: no connection, or it broke.
            MalformedAnswer: the body is too large or cannot be unpacked.
        """
        try:
            with (
                timed(CallTimer(deadline, answer_seconds, turn=self._turn)),
                self._send(request, deadline) as response,
            ):
                content = _read_all(response.raw, request.endpoint, deadline)
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status_code, headers, content)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            failure = _failure(error, request.endpoint)
        # Raised outside the handler: exceptions of requests carry the request, and with it the token.
        raise failure

    def close(self) -> None:
        """Close all connections."""
        self._adapter.close()

    def _send(self, request: Request, deadline: Deadline) -> requests.Response:
        # Prepared by hand, and sent by the adapter itself: a session would merge, parse and quote the same values in
        # each call, which takes as long as the exchange.
        prepared = requests.PreparedRequest()
        prepared.method = request.method
        query = f"?{urlencode(request.params)}" if request.params else ""
        prepared.url = f"{self._base_url}{request.path}{query}"
        prepared.headers = CaseInsensitiveDict(self._headers)
        if request.json is not None:
            # Not json.dumps: it spells every letter outside ASCII with six, and a search's body must stay under 3,000.
            prepared.body = body = orjson.dumps(request.json)
            prepared.headers["Content-Type"] = "application/json"
            prepared.headers["Content-Length"] = str(len(body))
        elif request.method != "GET":
            prepared.headers["Content-Length"] = "0"
        # Our own sockets follow the timer; the time-out is for those of a SOCKS proxy.
        return self._adapter.send(prepared, timeout=max(deadline.remaining(), 0.001), **self._settings)


def _environment_settings(url: str) -> dict[str, Any]:
    """Return how requests sends a request to ``url``: by which proxy, with which certificates.

    The environment sets them, and is read only once: reading it in each call cost a fifth of its processor time.
    """
    with requests.Session() as session:
        settings = session.merge_environment_settings(url, {}, True, None, None)
    return dict(settings)


def _is_socks(url: str, settings: Mapping[str, Any]) -> bool:
    """Return True if a SOCKS proxy is used, whose connections do not tell when they wait."""
    proxy = requests.utils.select_proxy(url, settings["proxies"])
    return proxy is not None and proxy.lower().startswith("socks")


def _read_all(raw: Any, endpoint: str, deadline: Deadline) -> bytes:
    """Read the body of ``raw``, urllib3's response, as its pieces arrive."""
    body = bytearray()
    while True:
        if deadline.expired():
            raise TimedOut("the answer did not end in time", endpoint=endpoint)
        # read1 returns what one packet brought; read would collect a full chunk first, however slowly it comes.
        piece = raw.read1(_CHUNK_BYTES, decode_content=True)
        if not piece:
            return bytes(body)
        body += piece
        if len(body) > MOST_BODY_BYTES:
            raise AnswerTooLarge(f"the answer is larger than {MOST_BODY_BYTES} bytes", endpoint=endpoint)


def _failure(error: Exception, endpoint: str) -> HubSpotError:
    causes = _causes(error)
    # A request that could not be sent in time is a broken connection to urllib3; what led to that says more.
    timeouts = (requests.Timeout, urllib3.exceptions.TimeoutError)
    if isinstance(error, timeouts) or any(isinstance(one, TimeoutError) for one in causes):
        return TimedOut("HubSpot did not answer in time", endpoint=endpoint)
    if isinstance(error, (requests.exceptions.ContentDecodingError, urllib3.exceptions.DecodeError)):
        return MalformedAnswer("the answer cannot be unpacked", endpoint=endpoint)
    kinds = [one for one in causes if isinstance(one, (OSError, http.client.HTTPException))]
    # Only the class: the text may contain anything.
    return Unavailable(f"the connection failed: {type(kinds[-1] if kinds else error).__name__}", endpoint=endpoint)


def _causes(error: BaseException) -> list[BaseException]:
    """Return ``error`` and what led to it, the innermost last."""
    seen = [error]
    while (cause := seen[-1].__cause__ or seen[-1].__context__) is not None and cause not in seen:
        seen.append(cause)
    return seen
