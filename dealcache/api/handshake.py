"""Whether a request opens a WebSocket (RFC 6455, section 4.2), and what it is answered. Pure decisions.

wsproto parses handshakes too, from bytes; here the server has parsed the request already, and a refusal is to be a
problem that says what is wrong.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from urllib.parse import urlsplit

from werkzeug.datastructures import Headers
from wsproto.utilities import generate_accept_token

from dealcache.api.access import BEARER
from dealcache.api.problems import Problem

_VERSION = "13"
_UPGRADE = {"Upgrade": "websocket", "Connection": "Upgrade"}


class HandshakeRefusedError(Exception):
    """The request is no handshake that can be answered; ``problem`` says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


def answer(http_version: str, headers: Headers, allows: Callable[[str], bool]) -> dict[str, str]:
    """The headers with which the change of protocols is answered.

    Args:
        http_version: such as ``HTTP/1.1``.
        headers: the request's.
        allows: whether pages of another origin may use this service.

    Raises:
        HandshakeRefusedError: it is no handshake, a bad one, or one of a foreign page.
    """
    _check_upgrade(http_version, headers)
    _check_body(headers)
    _check_origin(headers, allows)
    answered = _UPGRADE | {"Sec-WebSocket-Accept": generate_accept_token(_key(headers)).decode("ascii")}
    if BEARER in _list(headers.get("Sec-WebSocket-Protocol")):
        answered["Sec-WebSocket-Protocol"] = BEARER
    return answered


def _list(value: str | None) -> list[str]:
    return [item.strip().lower() for item in (value or "").split(",")]


def _check_upgrade(http_version: str, headers: Headers) -> None:
    asked = "websocket" in _list(headers.get("Upgrade")) and "upgrade" in _list(headers.get("Connection"))
    if not asked or http_version != "HTTP/1.1":
        detail = "This path speaks WebSocket (RFC 6455): ask for the change of protocols over HTTP/1.1."
    elif headers.get("Sec-WebSocket-Version") != _VERSION:
        detail = f"Sec-WebSocket-Version must be {_VERSION}."
    else:
        return
    raise HandshakeRefusedError(Problem(426, detail, headers=_UPGRADE | {"Sec-WebSocket-Version": _VERSION}))


def _check_body(headers: Headers) -> None:
    if headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in headers:
        raise HandshakeRefusedError(Problem(400, "A WebSocket handshake has no body."))


def _key(headers: Headers) -> bytes:
    text = headers.get("Sec-WebSocket-Key", "").encode("latin-1")
    try:
        length = len(base64.b64decode(text, validate=True))
    except binascii.Error:
        length = 0
    if length != 16:
        raise HandshakeRefusedError(Problem(400, "Sec-WebSocket-Key must be 16 bytes in Base64."))
    return text


def _check_origin(headers: Headers, allows: Callable[[str], bool]) -> None:
    """Browsers let any page open a WebSocket to anywhere; whether they may is for the server to say."""
    origin = headers.get("Origin")
    if origin is None or allows(origin) or _is_same_host(origin, headers.get("Host", "")):
        return
    raise HandshakeRefusedError(Problem(403, "Pages of this origin may not connect; CORS_ORIGINS names those that do."))


def _is_same_host(origin: str, host: str) -> bool:
    """Whether a page of ``origin`` comes from this host; a proxy may have taken the port off ``host``."""
    try:
        page, ours = urlsplit(origin), urlsplit(f"//{host}")
        same_port = ours.port is None or page.port == ours.port
    except ValueError:
        return False
    return page.hostname is not None and page.hostname == ours.hostname and same_port
