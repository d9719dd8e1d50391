"""What operators and load balancers ask: liveness, readiness, metrics."""

from __future__ import annotations

from flask import Response
from prometheus_client import CONTENT_TYPE_LATEST

from dealcache.api import parameters, readiness, schemas
from dealcache.api.documentation import documented
from dealcache.api.responses import json_response
from dealcache.api.services import services

blueprint = parameters.StrictBlueprint("operations", __name__, description="Probes and metrics.")


@blueprint.route("/healthz")
@documented(blueprint, schemas.LivenessSchema, access=False)
def healthz() -> Response:
    """That the process lives; asks nothing."""
    return json_response({"status": "ok"})


@blueprint.route("/readyz")
@blueprint.alt_response(503, schema=schemas.ReadinessSchema, description="It cannot serve; `missing` says why.")
@documented(blueprint, schemas.ReadinessSchema, access=False)
def readyz() -> Response:
    """Whether the service can serve. HubSpot being down only degrades it."""
    found = readiness.report(services().dependencies)
    content = {"status": found.status, "missing": found.missing}
    return json_response(content, 503 if found.status == "unavailable" else 200)


@blueprint.route("/metrics")
@blueprint.response(200, {"type": "string"}, content_type="text/plain", description="Prometheus' text format.")
def metrics() -> Response:
    """All metrics, of all workers together."""
    services().recorder.settle()
    return Response(services().metrics.render(), content_type=CONTENT_TYPE_LATEST)
