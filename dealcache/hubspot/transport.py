"""One HTTP exchange with HubSpot: bytes out, bytes in, within the deadline. No retries, no limits, no JSON."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from dealcache import __version__
from dealcache.deadline import Deadline
from dealcache.hubspot.answers import Answer
from dealcache.hubspot.errors import HubSpotError, MalformedAnswer, TimedOut, Unavailable

#: Seconds to wait for a connection, and for the next byte of an answer, at most.
CONNECT_SECONDS = 3.0
READ_SECONDS = 10.0

#: The largest body that is accepted, in bytes: 100 e-mails with text and HTML of 300 KB each stay below it.
MOST_BODY_BYTES = 64 * 1024 * 1024

_CHUNK_BYTES = 64 * 1024


class BearerAuth(AuthBase):
    """Puts the token on each request.

    An auth object, not a header of the session: requests would replace the header by what ``~/.netrc`` holds for the
    host. The token shows in no repr.
    """

    def __init__(self, token: str) -> None:
        if not token or not all("!" <= character <= "~" for character in token):
            # Checked here because http.client would put the whole value into its own error.
            raise ValueError("the HubSpot access token is empty or holds characters no token has")
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign ``request``."""
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def __repr__(self) -> str:
        return "BearerAuth(***)"


class Transport:
    """Keeps the connections to HubSpot; any number of threads may use it.

    Args:
        base_url: scheme and host, such as ``https://api.hubapi.com``.
        token: the access token.
        pool_size: connections kept open; as many as threads call at the same time.

    Raises:
        ValueError: the token cannot be one.
    """

    def __init__(self, base_url: str, token: str, pool_size: int) -> None:
        self._base_url = base_url.rstrip("/")
        self._session = requests.Session()
        self._session.auth = BearerAuth(token)
        self._session.headers["User-Agent"] = f"dealcache/{__version__}"
        self._session.headers["Accept"] = "application/json"
        # The cookies of HubSpot's proxy mean nothing to us, and a jar shared by threads only costs.
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        adapter = HTTPAdapter(pool_connections=1, pool_maxsize=pool_size, max_retries=0)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)
        _settle_environment(self._session, self._base_url)

    def __repr__(self) -> str:
        return f"Transport({self._base_url!r})"

    def exchange(
        self,
        endpoint: str,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None,
        body: bytes | None,
        deadline: Deadline,
    ) -> Answer:
        """Send one request and read the whole answer, whatever its status.

        The deadline bounds the connecting, the wait for the head of the answer, and its body, also when the body
        comes a byte at a time.

        Raises:
            TimedOut: no answer in time.
            Unavailable: no connection, or it broke.
            MalformedAnswer: the body is too large or cannot be unpacked.
        """
        try:
            with self._send(method, path, params, body, deadline) as response:
                content = _read_all(response.raw, endpoint, deadline)
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status_code, headers, content)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            failure = _failure(error, endpoint)
        # Raised outside the handler: what requests raises carries the request, and with it the token.
        raise failure

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    def _send(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        body: bytes | None,
        deadline: Deadline,
    ) -> requests.Response:
        left = max(deadline.remaining(), 0.001)
        return self._session.request(
            method,
            self._base_url + path,
            params=params,
            data=body,
            headers={"Content-Type": "application/json"} if body is not None else None,
            timeout=urllib3.Timeout(total=left, connect=CONNECT_SECONDS, read=READ_SECONDS),  # type: ignore[arg-type]  # urllib3's own class is allowed
            allow_redirects=False,
            stream=True,
        )


def _settle_environment(session: requests.Session, url: str) -> None:
    """Take the proxy and the certificates that the environment sets for ``url``, once.

    Else requests looks for them, and into ``~/.netrc``, before each call: a fifth of a call's processor time.
    """
    settings = session.merge_environment_settings(url, {}, True, None, None)
    session.proxies, session.verify = settings["proxies"], settings["verify"]
    session.trust_env = False


def _read_all(raw: Any, endpoint: str, deadline: Deadline) -> bytes:
    """Read the body of ``raw``, urllib3's response, as its pieces arrive."""
    body = bytearray()
    while True:
        left = deadline.remaining()
        if left <= 0.0:
            raise TimedOut("the answer did not end in time", endpoint=endpoint)
        _limit_wait(raw, min(left, READ_SECONDS))
        # read1 returns what one packet brought; read would collect a full chunk first, however slowly it comes.
        piece = raw.read1(_CHUNK_BYTES, decode_content=True)
        if not piece:
            return bytes(body)
        body += piece
        if len(body) > MOST_BODY_BYTES:
            raise MalformedAnswer(f"the answer is larger than {MOST_BODY_BYTES} bytes", endpoint=endpoint)


def _limit_wait(raw: Any, seconds: float) -> None:
    """Let the next read of ``raw`` wait no longer than ``seconds``; without a socket of its own it never waits."""
    sock = getattr(raw.connection, "sock", None)
    if sock is not None:
        sock.settimeout(seconds)


def _failure(error: Exception, endpoint: str) -> HubSpotError:
    if isinstance(error, (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError)):
        return TimedOut("HubSpot did not answer in time", endpoint=endpoint)
    if isinstance(error, (requests.exceptions.ContentDecodingError, urllib3.exceptions.DecodeError)):
        return MalformedAnswer("the answer cannot be unpacked", endpoint=endpoint)
    return Unavailable(f"the connection failed: {_innermost(error)}", endpoint=endpoint)


def _innermost(error: BaseException) -> str:
    """The class of the error at the bottom of ``error``: its text may hold anything."""
    seen = [error]
    while (cause := seen[-1].__cause__ or seen[-1].__context__) is not None and cause not in seen:
        seen.append(cause)
    kinds = [one for one in seen if isinstance(one, (OSError, http.client.HTTPException))]
    return type(kinds[-1] if kinds else error).__name__
