"""HubSpot's webhooks: what they tell is stored as hints, and looked after elsewhere."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

import marshmallow as ma
import orjson
from flask import Response, request

from dealcache.api import deliveries, parameters
from dealcache.api.access import WEBHOOKS_PATH
from dealcache.api.documentation import STORE_FAILURE, Documented, documented
from dealcache.api.problems import Problem, invalid
from dealcache.api.responses import json_response, problem_response
from dealcache.api.services import services

log = logging.getLogger(__name__)

blueprint = parameters.StrictBlueprint("webhooks", __name__, description="What HubSpot calls when something changes.")

#: The most events in a delivery. Source: HubSpot's guide "Webhooks".
MOST_EVENTS = 100

_SIGNED = Documented(401, "The delivery does not bear a signature of HubSpot's.")
_INVALID = Documented(422, "The body is not an array of up to 100 events.")

_BODY = {
    "required": True,
    "content": {
        "application/json": {"schema": {"type": "array", "maxItems": MOST_EVENTS, "items": {"type": "object"}}}
    },
}


class AcceptedEventsSchema(ma.Schema):
    """That the events of a delivery are stored."""

    status = ma.fields.String(required=True, metadata={"description": "`accepted`."})
    events = ma.fields.Integer(required=True, metadata={"description": "How many the delivery held."})
    new = ma.fields.Integer(
        required=True,
        metadata={"description": "How many of them concern deals or activities and came for the first time."},
    )


@blueprint.route(WEBHOOKS_PATH, methods=["POST"])
@blueprint.doc(requestBody=_BODY, security=[])
@documented(blueprint, AcceptedEventsSchema, [_SIGNED, _INVALID, STORE_FAILURE], access=False)
def webhooks() -> Response:
    """Take in a delivery of HubSpot's, signed with the app's client secret (version 3 or 1)."""
    wired = services()
    if not wired.webhook_guard.lets_in(request):
        return problem_response(Problem(401, "The delivery does not bear a signature that this service accepts."))
    events = _events(request.get_data())
    if events is None:
        return problem_response(invalid({"body": [f"Must be a JSON array of {MOST_EVENTS} events at most."]}))
    hints, malformed = deliveries.hints_of(events)
    if malformed:
        log.warning("%d of %d events of a webhook delivery make no sense and were left out", malformed, len(events))
    new = 0
    if hints:
        new = wired.webhook_events.store(hints, datetime.fromtimestamp(wired.clock(), UTC))
        wired.wake_webhooks()
    return json_response({"status": "accepted", "events": len(events), "new": new})


def _events(raw: bytes) -> list[Any] | None:
    try:
        events = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    return events if isinstance(events, list) and len(events) <= MOST_EVENTS else None
