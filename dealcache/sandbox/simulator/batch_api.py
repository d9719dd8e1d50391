"""Endpoints that read or change up to 100 records at once."""

from __future__ import annotations

from typing import Any

from dealcache.sandbox.simulator.errors import invalid
from dealcache.sandbox.simulator.messages import Response
from dealcache.sandbox.simulator.objects_api import create_from, find_record, writable_properties
from dealcache.sandbox.simulator.records import Record
from dealcache.sandbox.simulator.refusals import refusal_errors, refusals
from dealcache.sandbox.simulator.representation import batch_response, chosen_properties, show_history, show_record
from dealcache.sandbox.simulator.site import Exchange, read_inputs

#: HubSpot, object guides: 100 records per batch, 50 with histories.
BATCH_MOST = 100
BATCH_MOST_WITH_HISTORY = 50


def batch_read(exchange: Exchange) -> Response:
    """``POST /crm/v3/objects/{type}/batch/read``: the records found, by id, and one error entry for the others.

    Results never follow the order of the inputs, and a record comes once however often it is asked for.
    """
    body = exchange.body()
    histories = _names(body, "propertiesWithHistory")
    inputs = read_inputs(body, BATCH_MOST)
    if histories and len(inputs) > BATCH_MOST_WITH_HISTORY:
        raise invalid(
            f"The maximum number of inputs supported in a batch request for property histories is "
            f"{BATCH_MOST_WITH_HISTORY}. Please reduce the number of items and try again"
        )
    if body.get("idProperty") not in (None, "", "hs_object_id"):
        raise invalid(f"{body['idProperty']} is not a unique identifier property")
    archived = exchange.request.flag("archived")
    refused = refusals(exchange, inputs)
    ids = [one for item in inputs if (one := str(item.get("id", ""))) not in refused]
    found, missing = _look_up(exchange, ids, archived=archived)
    names = chosen_properties(exchange, [*_names(body, "properties"), *histories])
    results = [show_record(exchange, record, names) for record in found]
    if histories:
        for shown, record in zip(results, found, strict=True):
            shown["propertiesWithHistory"] = show_history(record, histories)
    errors = _missing_error(exchange.kind.label, missing) + refusal_errors(refused, "ids")
    return batch_response(exchange, results, errors)


def batch_create(exchange: Exchange) -> Response:
    """``POST /crm/v3/objects/{type}/batch/create``: all inputs or, if one is wrong, none from that one on."""
    inputs = read_inputs(exchange.body(), BATCH_MOST)
    return batch_response(exchange, [create_from(exchange, one) for one in inputs], status=201)


def batch_update(exchange: Exchange) -> Response:
    """``POST /crm/v3/objects/{type}/batch/update``. Ids that were merged away do not work here."""
    inputs = read_inputs(exchange.body(), BATCH_MOST)
    results, missing = [], []
    store = exchange.site.data.store(exchange.kind)
    for one in inputs:
        record_id = str(one.get("id", ""))
        properties = writable_properties(exchange, one)
        record = find_record(exchange, record_id)
        if record is None or store.was_merged(int(record_id)):
            missing.append(record_id)
            continue
        changed = exchange.site.data.update(exchange.kind.name, record.id, properties)
        results.append(show_record(exchange, changed, chosen_properties(exchange, properties)))
    return batch_response(exchange, results, _missing_error(exchange.kind.label, missing))


def batch_archive(exchange: Exchange) -> Response:
    """``POST /crm/v3/objects/{type}/batch/archive``; unknown ids are passed over."""
    for one in read_inputs(exchange.body(), BATCH_MOST):
        record = find_record(exchange, str(one.get("id", "")))
        if record is not None:
            exchange.site.data.archive(exchange.kind.name, record.id)
    return Response(204)


def _look_up(exchange: Exchange, ids: list[str], *, archived: bool) -> tuple[list[Record], list[str]]:
    """The distinct records for the ids, by ascending id, and the ids that there is no record for."""
    store = exchange.site.data.store(exchange.kind)
    found: dict[int, Record] = {}
    missing: dict[str, None] = {}
    for one in ids:
        record = find_record(exchange, one, archived=archived)
        if record is None:
            missing[one] = None
        elif not (exchange.site.behaviour.omit_merged_in_batch and store.was_merged(int(one))):
            found[record.id] = record
    return [found[one] for one in sorted(found)], list(missing)


def _missing_error(label: str, ids: list[str]) -> list[dict[str, Any]]:
    """At most one entry, however many ids are missing: so ``numErrors`` counts entries."""
    if not ids:
        return []
    message = f"Could not get some {label} objects, they may be deleted or not exist. Check that ids are valid."
    return [{"status": "error", "category": "OBJECT_NOT_FOUND", "message": message, "context": {"ids": ids}}]


def _names(body: dict[str, Any], key: str) -> list[str]:
    names = body.get(key) or []
    if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
        raise invalid(f"Invalid input JSON: {key} must be a list of names")
    return names
