"""Delivering webhooks as HubSpot does: signed, and again until they are accepted."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Sequence
from random import Random
from typing import Any

import orjson

from tests.soak.calls import Call
from tests.soak.site import SECRET, WEBHOOKS
from tests.soak.stage import Lines, Stage

_AGAIN_SECONDS = 1.0


class Webhooks:
    """Delivers events to any instance.

    Args:
        stage: what all share.
        random: decides which instance.
    """

    def __init__(self, stage: Stage, random: Random) -> None:
        self._stage = stage
        self._lines = Lines(stage, random)
        self._ports = {instance.name: instance.port for instance in stage.site.instances}

    def deliver(self, events: Sequence[dict[str, Any]]) -> bool:
        """Deliver events until they are accepted; False when the soak has ended before."""
        body = orjson.dumps(events)
        while not self._stage.stopped.is_set():
            connection = self._lines.one()
            uri = f"http://127.0.0.1:{self._ports[connection.instance]}{WEBHOOKS}"
            call = Call("webhook", WEBHOOKS, "POST", _signed(uri, body, int(time.time() * 1000)), body)
            if self._stage.inspector.accept(connection.ask(call), 200) is not None:
                return True
            self._stage.stopped.wait(_AGAIN_SECONDS)
        return False


def _signed(uri: str, body: bytes, timestamp: int) -> dict[str, str]:
    """The headers of a delivery with a version 3 signature; ``timestamp`` is in milliseconds since 1970."""
    text = f"POST{uri}".encode() + body + str(timestamp).encode()
    signature = base64.b64encode(hmac.new(SECRET.encode(), text, hashlib.sha256).digest()).decode()
    return {
        "Content-Type": "application/json",
        "X-HubSpot-Signature-v3": signature,
        "X-HubSpot-Request-Timestamp": str(timestamp),
    }
