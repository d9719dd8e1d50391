"""The state of the service at a glance: ``/api/hubspot/status``."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Response

from dealcache.api.documentation import documented
from dealcache.api.responses import json_response
from dealcache.api.services import services
from dealcache.api.status_schemas import StatusSchema
from dealcache.api.status_view import status_view
from dealcache.api.strict_blueprint import StrictBlueprint

blueprint = StrictBlueprint("status", __name__, url_prefix="/api/hubspot", description="The state of the service.")


@blueprint.route("/status")
@documented(blueprint, StatusSchema)
def status() -> Response:
    """Return the age of the data, the state of syncs, webhooks and tiers, and the live workers."""
    wired = services()
    told = wired.status.read()
    now = datetime.fromtimestamp(wired.clock(), UTC)
    return json_response(status_view(told, wired.status_facts, wired.account.bound, now))
