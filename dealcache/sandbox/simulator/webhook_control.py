"""Steering webhooks over HTTP: ``/_simulator/webhooks``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from dealcache.sandbox.simulator.errors import invalid
from dealcache.sandbox.simulator.messages import Request, Response, json_response
from dealcache.sandbox.simulator.site import parse_object
from dealcache.sandbox.simulator.webhooks import Webhooks

#: How many of the latest deliveries are shown unless ``limit`` says otherwise.
DELIVERIES_SHOWN = 100


def show_webhooks(webhooks: Webhooks, request: Request) -> Response:
    """The subscriptions, how many events are pending, and the latest deliveries."""
    shown = int(request.argument("limit") or DELIVERIES_SHOWN)
    body: dict[str, Any] = {
        "subscriptions": webhooks.describe(),
        "pending": webhooks.pending,
        "deliveries": [asdict(one) for one in webhooks.deliveries[-shown:]] if shown else [],
    }
    return json_response(200, body)


def add_webhook(webhooks: Webhooks, request: Request) -> Response:
    """Subscribes; the body holds the arguments of ``subscribe``."""
    try:
        webhooks.subscribe(**parse_object(request.body))
    except (TypeError, ValueError) as error:
        raise invalid(str(error)) from error
    return json_response(201, {"subscriptions": webhooks.describe()})
