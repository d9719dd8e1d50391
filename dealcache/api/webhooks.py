"""Receives HubSpot's webhooks: events are stored, and processed elsewhere."""

from __future__ import annotations

import logging

import marshmallow as ma
from flask import Response, request

from dealcache.api import deliveries
from dealcache.api.access import WEBHOOKS_PATH
from dealcache.api.documentation import STORE_FAILURE, Documented, documented
from dealcache.api.problems import Problem, invalid
from dealcache.api.responses import json_response, problem_response
from dealcache.api.schema_fields import text_field
from dealcache.api.services import services
from dealcache.api.strict_blueprint import StrictBlueprint

log = logging.getLogger(__name__)

blueprint = StrictBlueprint("webhooks", __name__, description="What HubSpot calls when something changes.")

#: The most events in a delivery: ten times as many as in HubSpot's guide "Webhooks", because a refused one is lost.
MOST_EVENTS = 1000

_SIGNED = Documented(401, "The delivery has no valid signature of HubSpot.")
_INVALID = Documented(422, "The body is not an array of up to 1,000 events.")

_BODY = {
    "required": True,
    "content": {
        "application/json": {"schema": {"type": "array", "maxItems": MOST_EVENTS, "items": {"type": "object"}}}
    },
}


class AcceptedEventsSchema(ma.Schema):
    """The acceptance of a delivery."""

    status = text_field("`accepted`.", validate=ma.validate.OneOf(["accepted"]))
    events = ma.fields.Integer(required=True, metadata={"description": "How many the delivery held."})
    new = ma.fields.Integer(
        required=True,
        metadata={"description": "How many of them concern deals or activities and came for the first time."},
    )


@blueprint.route(WEBHOOKS_PATH, methods=["POST"])
@blueprint.doc(requestBody=_BODY, security=[])
@documented(AcceptedEventsSchema, [_SIGNED, _INVALID, STORE_FAILURE], access=False)
def webhooks() -> Response:
    """Accept a delivery of HubSpot, signed with the app's client secret (version 3 or 1)."""
    wired = services()
    if not wired.webhook_guard.accepts(request):
        return problem_response(Problem(401, "The delivery has no signature that this service accepts."))
    events = deliveries.events_in(request.get_data(), MOST_EVENTS)
    if events is None:
        return problem_response(invalid({"body": [f"Must be a JSON array of {MOST_EVENTS} events at most."]}))
    portal_id = wired.account.bound
    own = events if portal_id is None else deliveries.of_account(events, portal_id)
    if foreign := len(events) - len(own):
        wired.metrics.webhook_events_dropped("portal", count=foreign)
        log.warning("%d webhook events of other HubSpot accounts than %s were dropped", foreign, portal_id)
    parsed, malformed = deliveries.parse_events(own, people=wired.names_people)
    if malformed:
        log.warning("%d of %d events of a webhook delivery are invalid and were left out", malformed, len(events))
    new = 0
    if parsed:
        new = wired.storage.webhook_events.store(parsed, wired.now())
        wired.wake_webhooks()
    return json_response({"status": "accepted", "events": len(events), "new": new})
