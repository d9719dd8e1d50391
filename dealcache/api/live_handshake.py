"""``/ws/deal-updates``: accepts WebSocket handshakes, and hands connections over to the thread of live updates.

The change of protocols is an ordinary answer, written, logged and counted like any other. Once it is sent, the socket
is detached from gunicorn, whose worker releases it (see ``dealcache.server.worker``), so that no thread of the pool is
occupied by a connection. The client has entered the hub before that, and misses nothing in between.
"""

from __future__ import annotations

import base64
import binascii
import socket
import ssl
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from flask import Response, request
from werkzeug.datastructures import Headers
from wsproto.utilities import generate_accept_token

from dealcache.api import parameters
from dealcache.api.access import BEARER
from dealcache.api.documentation import RETRY_AFTER, Documented, documented
from dealcache.api.problems import LATER, Problem
from dealcache.api.responses import problem_response
from dealcache.api.services import services
from dealcache.api.strict_blueprint import StrictBlueprint
from dealcache.live import Client, Hub, Subscription

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_VERSION = "13"
_UPGRADE = {"Upgrade": "websocket", "Connection": "Upgrade"}
_SUPPORTED = _UPGRADE | {"Sec-WebSocket-Version": _VERSION}


def refusal(http_version: str, headers: Headers, allows: Callable[[str], bool]) -> Problem | None:
    """Return why a request is not a WebSocket handshake that can be accepted (RFC 6455, section 4.2); None if it is.

    wsproto parses handshakes too, but from bytes; here the server has already parsed the request, and a refusal must be
    a problem that says what is wrong.

    Args:
        http_version: such as ``HTTP/1.1``.
        headers: the request's.
        allows: returns whether pages of an origin may use this service.
    """
    asked = "websocket" in _list(headers.get("Upgrade")) and "upgrade" in _list(headers.get("Connection"))
    if not asked or http_version != "HTTP/1.1":
        detail = "This path speaks WebSocket (RFC 6455): ask for the change of protocols over HTTP/1.1."
        return Problem(426, detail, headers=_SUPPORTED)
    if headers.get("Sec-WebSocket-Version") != _VERSION:
        return Problem(426, f"Sec-WebSocket-Version must be {_VERSION}.", headers=_SUPPORTED)
    if headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in headers:
        return Problem(400, "A WebSocket handshake has no body.")
    origin = headers.get("Origin")
    if origin is not None and not allows(origin):  # browsers let any page open a WebSocket to any host
        return Problem(403, "Pages of this origin may not connect; CORS_ORIGINS names those that do.")
    try:
        length = len(base64.b64decode(_key(headers), validate=True))
    except binascii.Error:
        length = 0
    return None if length == 16 else Problem(400, "Sec-WebSocket-Key must be 16 bytes in Base64.")


def _accepting(headers: Headers) -> dict[str, str]:
    """Return the headers that accept a handshake."""
    accepting = _UPGRADE | {"Sec-WebSocket-Accept": generate_accept_token(_key(headers)).decode("ascii")}
    offers_token = BEARER in _list(headers.get("Sec-WebSocket-Protocol"))
    return accepting | ({"Sec-WebSocket-Protocol": BEARER} if offers_token else {})


def _list(value: str | None) -> list[str]:
    return [item.strip().lower() for item in (value or "").split(",")]


def _key(headers: Headers) -> bytes:
    return headers.get("Sec-WebSocket-Key", "").encode("latin-1")


blueprint = StrictBlueprint("live", __name__, description="Clients hear which deals changed.")

_PATH = "/ws/deal-updates"

_ANSWERS = [
    Documented(400, "The handshake is not valid."),
    Documented(403, "Pages of this origin may not connect."),
    Documented(426, "The request asks for no WebSocket of version 13."),
    Documented(501, "The server cannot hand connections over; gunicorn can, without TLS of its own."),
    Documented(503, "All places are taken, or the service stops.", RETRY_AFTER),
]


@blueprint.route(_PATH)
@blueprint.route(_PATH, websocket=True)  # Werkzeug routes handshakes separately from other requests
@blueprint.arguments(parameters.LiveQuery(), location="query")
@documented(None, _ANSWERS, status=101)
def deal_updates(query: dict[str, Any]) -> Response:
    """Open a WebSocket on which a message comes for each deal that changed.

    A message is `{"type": "deal.updated", "deal_id", "deal_name", "changed", "at"}`, where `changed` holds any of
    `info`, `timeline` and `activities_count`. The client may send `{"action": "subscribe", "deal_names": […]}`, to hear
    of these deals only. A token may be given as the second of two subprotocols, `bearer` and the token.
    """
    wired = services()
    allows = partial(wired.guard.is_own_page, environ=request.environ)
    refused = refusal(request.environ["SERVER_PROTOCOL"], request.headers, allows)
    if refused is not None:
        return problem_response(refused)
    if not _can_hand_over(request.environ):
        return problem_response(Problem(501, "This server cannot hand connections over: run gunicorn without TLS."))
    client = wired.live.admit(Subscription.to(query["dealName"]) if "dealName" in query else Subscription())
    if client is None:
        return problem_response(Problem(503, "All places for live updates are taken, or it stops.", headers=LATER))
    response = Response(status=101, headers=_accepting(request.headers))
    del response.headers["Content-Type"]
    # The server calls this when it has sent the answer, or failed to.
    response.call_on_close(partial(_hand_over, request.environ, wired.live, client))
    return response


def _can_hand_over(environ: WSGIEnvironment) -> bool:
    given = environ.get("gunicorn.socket")
    return isinstance(given, socket.socket) and not isinstance(given, ssl.SSLSocket)


def _hand_over(environ: WSGIEnvironment, hub: Hub, client: Client) -> None:
    """Take the socket from gunicorn, with the bytes that it has read after the request."""
    early = environ["wsgi.input"].reader.unreader.take_buffered()
    hub.connect(client, socket.socket(fileno=environ["gunicorn.socket"].detach()), early)
