"""``/ws/deal-updates``: lets a client in, and hands its connection over to the thread that serves live updates.

The change of protocols is an ordinary answer, written, logged and counted like any other. Only when it is out is the
socket taken away from gunicorn, whose worker lets it go (see :mod:`dealcache.server.worker`), so that no thread of the
pool is held by a connection. The client has entered the hub before that, and misses nothing that happens meanwhile.
"""

from __future__ import annotations

import socket
import ssl
from functools import partial
from typing import TYPE_CHECKING, Any

from flask import Response, request

from dealcache.api import handshake, parameters
from dealcache.api.documentation import RETRY_AFTER, Documented, documented
from dealcache.api.problems import Problem
from dealcache.api.responses import problem_response
from dealcache.api.services import services
from dealcache.live import Client, Hub, Subscription

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

blueprint = parameters.StrictBlueprint("live", __name__, description="Clients hear which deals changed.")

_PATH = "/ws/deal-updates"

#: What a client is told to wait when all places are taken, or the worker is about to stop, in seconds.
_WAIT_SECONDS = 5

_ANSWERS = [
    Documented(400, "The handshake is not valid."),
    Documented(403, "Pages of this origin may not connect."),
    Documented(426, "The request asks for no WebSocket of version 13."),
    Documented(501, "The server cannot hand connections over; gunicorn can, without TLS of its own."),
    Documented(503, "All places are taken, or the service stops.", RETRY_AFTER),
]


@blueprint.route(_PATH)
@blueprint.route(_PATH, websocket=True)  # Werkzeug routes handshakes apart from other requests
@blueprint.arguments(parameters.LiveQuery(), location="query")
@documented(blueprint, None, _ANSWERS, status=101)
def deal_updates(query: dict[str, Any]) -> Response:
    """Open a WebSocket on which a message comes for each deal that changed.

    A message is `{"type": "deal.updated", "deal_id", "deal_name", "changed", "at"}`, where `changed` holds any of
    `info`, `timeline` and `activities_count`. The client may send `{"action": "subscribe", "deal_names": […]}`, to hear
    of these deals only. A token may be given as the second of two subprotocols, `bearer` and the token.
    """
    wired = services()
    try:
        headers = handshake.answer(request.environ["SERVER_PROTOCOL"], request.headers, wired.cors.allows)
    except handshake.HandshakeRefusedError as refused:
        return problem_response(refused.problem)
    if not _can_hand_over(request.environ):
        return problem_response(Problem(501, "This server cannot hand connections over: run gunicorn without TLS."))
    client = wired.live.admit(Subscription.to(query["dealName"]) if "dealName" in query else Subscription())
    if client is None:
        wait = {"Retry-After": str(_WAIT_SECONDS)}
        return problem_response(Problem(503, "All places for live updates are taken, or it stops.", headers=wait))
    response = Response(status=101, headers=headers)
    del response.headers["Content-Type"]
    # The server calls this when it has sent the answer, or has failed to.
    response.call_on_close(partial(_hand_over, request.environ, wired.live, client))
    return response


def _can_hand_over(environ: WSGIEnvironment) -> bool:
    given = environ.get("gunicorn.socket")
    return isinstance(given, socket.socket) and not isinstance(given, ssl.SSLSocket)


def _hand_over(environ: WSGIEnvironment, hub: Hub, client: Client) -> None:
    """Take the socket from gunicorn, with what it has read from it beyond the request."""
    early = environ["wsgi.input"].reader.unreader.take_buffered()
    hub.connect(client, socket.socket(fileno=environ["gunicorn.socket"].detach()), early)
