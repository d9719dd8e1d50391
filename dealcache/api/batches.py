"""Reads of many deals at once: ``POST /api/hubspot/deals-batch``."""

from __future__ import annotations

import time
from typing import Any

import orjson
from flask import Response, request

from dealcache.api.batch_parameters import BatchParameters, BatchQuery, BatchSchema
from dealcache.api.documentation import SERVER_TIMING, Documented, documented
from dealcache.api.failures import problem_of
from dealcache.api.json_bodies import JsonBlueprint
from dealcache.api.read_headers import mode_of, server_timing
from dealcache.api.responses import json_response, unknown_deal
from dealcache.api.services import services
from dealcache.deals import DealKey
from dealcache.reader import BatchAnswer

blueprint = JsonBlueprint(
    "batches", __name__, url_prefix="/api/hubspot", description="Many deals from memory, MongoDB or HubSpot."
)


@blueprint.route("/deals-batch", methods=["POST"])
@blueprint.arguments(BatchParameters())
@documented(blueprint, BatchSchema, [Documented(415, "The body is not JSON.")], SERVER_TIMING)
def deals_batch(wanted: BatchQuery) -> Response:
    """Up to a hundred deals by their names, each tier asked once for all; 200 also when some names failed."""
    started = time.perf_counter()
    answer = services().batches.read(wanted.keys.values(), wanted.views, mode_of(request.headers.get("Cache-Control")))
    services().recorder.batch_answered(answer, wanted.views, time.perf_counter() - started)
    response = json_response(_shown(wanted.keys, answer))
    response.headers["Server-Timing"] = server_timing(answer.steps)
    return response


def _shown(keys: dict[str, DealKey], answer: BatchAnswer) -> dict[str, Any]:
    """The body: views as the bytes that are cached, not parsed to be written again."""
    deals: dict[str, dict[str, orjson.Fragment]] = {}
    errors: dict[str, dict[str, Any]] = {}
    for given, key in keys.items():
        if (failure := answer.failures.get(key)) is not None:
            problem = problem_of(failure)
        elif any(value.entry.status == 404 for value in answer.values[key].values()):
            problem = unknown_deal(key)
        else:
            deals[given] = {view.value: orjson.Fragment(value.entry.body) for view, value in answer.values[key].items()}
            continue
        errors[given] = {"status": problem.status, "detail": problem.detail}
    return {"deals": deals, "errors": errors}
