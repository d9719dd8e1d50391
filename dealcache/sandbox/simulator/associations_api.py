"""Endpoints that read associations: the batch read, the pages of one record, the labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dealcache.sandbox.simulator.association_specs import known_labels
from dealcache.sandbox.simulator.associations import End, association_types, page_of, read_cursor, write_cursor
from dealcache.sandbox.simulator.errors import invalid, not_found, unknown_path
from dealcache.sandbox.simulator.messages import Response, json_response
from dealcache.sandbox.simulator.object_types import ObjectType
from dealcache.sandbox.simulator.objects_api import find_record
from dealcache.sandbox.simulator.refusals import refusal_errors, refusals
from dealcache.sandbox.simulator.representation import batch_response, paging_to
from dealcache.sandbox.simulator.site import Exchange, read_inputs, read_limit

#: HubSpot, changelog of 2025-02-10.
BATCH_MOST = 1_000
#: HubSpot, v4 associations: the default page of the single read, taken as the most too.
PAGE_MOST = 500


def read_associations(exchange: Exchange) -> Response:
    """``POST /crm/v4/associations/{from}/{to}/batch/read``: one page per record, each with its own cursor.

    A record without associations is no empty result but an error entry of the answer, which then is a 207.
    """
    results, errors = [], []
    kind, to_kind = exchange.kind, exchange.to_kind
    inputs = read_inputs(exchange.body(), BATCH_MOST)
    refused = refusals(exchange, inputs)
    for one in inputs:
        record_id = str(one.get("id", ""))
        if record_id in refused:
            continue
        result = _page_of_record(exchange, to_kind, record_id, one.get("after"))
        if result is None:
            errors.append(_none_found(kind, record_id, to_kind))
        else:
            results.append(result)
    return batch_response(exchange, results, errors + refusal_errors(refused, "fromObjectId"))


def read_associations_of_one(exchange: Exchange) -> Response:
    """``GET /crm/v4/objects/{type}/{id}/associations/{toType}``; in v3's path with v3's shorter entries.

    HubSpot's description of 2026-09 has this call no longer.
    """
    if exchange.params.get("date") == "2026-09":
        raise unknown_path()
    request, to_kind = exchange.request, exchange.to_kind
    record = find_record(exchange, exchange.params["id"])
    if record is None:
        raise not_found(exchange.params["id"])
    source = End(record.type.name, record.id)
    limit = read_limit(request.argument("limit"), PAGE_MOST, PAGE_MOST)
    after = _cursor(to_kind, request.argument("after"))
    ids, last = page_of(exchange.site.associated(source, to_kind), after, limit)
    if request.path.startswith("/crm/v3/"):
        name = f"{record.type.singular}_to_{to_kind.singular}"
        body: dict[str, Any] = {"results": [{"id": str(one), "type": name} for one in ids]}
    else:
        body = {"results": _targets(exchange, source, to_kind, ids)}
    if last is not None:
        body["paging"] = paging_to(exchange, write_cursor(to_kind, last))
    return json_response(200, body)


def list_labels(exchange: Exchange) -> Response:
    """``GET /crm/v4/associations/{from}/{to}/labels``: HubSpot's own type and the account's labels."""
    labels = known_labels(exchange.site.data, exchange.kind, exchange.to_kind)
    return json_response(200, {"results": association_types(exchange.kind.name, exchange.to_kind.name, labels)})


def _page_of_record(exchange: Exchange, to_kind: ObjectType, record_id: str, after: Any) -> dict[str, Any] | None:
    """One entry of ``results``, None if the record has no associations (or there is no such live record)."""
    record = find_record(exchange, record_id)
    if record is None:
        return None
    source = End(record.type.name, record.id)
    targets = exchange.site.associated(source, to_kind)
    if not targets:
        return None
    size = exchange.site.behaviour.association_page_size
    ids, last = page_of(targets, _cursor(to_kind, after), size)
    result: dict[str, Any] = {
        "from": {"id": str(record.id)},
        "to": _targets(exchange, source, to_kind, ids),
    }
    if last is not None:
        result["paging"] = {"next": {"after": write_cursor(to_kind, last), "link": "ignore"}}
    return result


def _targets(exchange: Exchange, source: End, to_kind: ObjectType, ids: Sequence[int]) -> list[dict[str, Any]]:
    """The associated records. ``toObjectId`` is a number, as in HubSpot's documentation."""
    labels = exchange.site.data.graph.labels(source)
    plain = association_types(source.type, to_kind.name, ())
    if not labels:
        return [{"toObjectId": one, "associationTypes": plain} for one in ids]
    return [
        {
            "toObjectId": one,
            "associationTypes": association_types(source.type, to_kind.name, labels.get(End(to_kind.name, one), ())),
        }
        for one in ids
    ]


def _cursor(to_kind: ObjectType, after: Any) -> int | None:
    if after in (None, ""):
        return None
    try:
        return read_cursor(to_kind, str(after))
    except ValueError as error:
        raise invalid(f"after is not a valid cursor: {after!r}") from error


def _none_found(from_kind: ObjectType, record_id: str, to_kind: ObjectType) -> dict[str, Any]:
    return {
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
        "message": f"No {to_kind.singular} is associated with {from_kind.singular} {record_id}.",
        "context": {
            "fromObjectId": [record_id],
            "fromObjectType": [from_kind.singular],
            "toObjectType": [to_kind.singular],
        },
    }
