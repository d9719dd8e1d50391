"""Endpoints that change associations, one or many at a time. No modified date changes with them (airbyte#27199)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dealcache.sandbox.simulator.association_specs import Specs, read_labels
from dealcache.sandbox.simulator.association_types import HUBSPOT_DEFINED, default_association
from dealcache.sandbox.simulator.errors import not_found
from dealcache.sandbox.simulator.messages import Response, json_response
from dealcache.sandbox.simulator.object_types import ObjectType
from dealcache.sandbox.simulator.representation import batch_response
from dealcache.sandbox.simulator.site import Exchange, parse_json, parse_objects, read_inputs

#: HubSpot, associations guide: 2,000 inputs for a batch create.
CREATE_MOST = 2_000


def put_association(exchange: Exchange) -> Response:
    """``PUT /crm/v4/objects/{type}/{id}/associations/{toType}/{toId}``; the body is a list of specs."""
    specs = parse_objects(parse_json(exchange.request.body or b"[]"), "the body")
    return json_response(201, _create(exchange, exchange.params["id"], exchange.params["to_id"], specs))


def put_default_association(exchange: Exchange) -> Response:
    """``PUT /crm/v4/objects/{type}/{id}/associations/default/{toType}/{toId}``."""
    _create(exchange, exchange.params["id"], exchange.params["to_id"], [])
    return batch_response(exchange, _default_pair(exchange, exchange.params["id"], exchange.params["to_id"]))


def delete_association(exchange: Exchange) -> Response:
    """``DELETE /crm/v4/objects/{type}/{id}/associations/{toType}/{toId}``: the association with all its labels."""
    _remove(exchange, exchange.params["id"], exchange.params["to_id"])
    return Response(204)


def create_associations(exchange: Exchange) -> Response:
    """``POST /crm/v4/associations/{from}/{to}/batch/create``."""
    results = [
        _create(exchange, _id(one, "from"), _id(one, "to"), one.get("types") or [])
        for one in read_inputs(exchange.body(), CREATE_MOST)
    ]
    return batch_response(exchange, results, status=201)


def create_default_associations(exchange: Exchange) -> Response:
    """``POST /crm/v4/associations/{from}/{to}/batch/associate/default``."""
    results: list[dict[str, Any]] = []
    for one in read_inputs(exchange.body(), CREATE_MOST):
        _create(exchange, _id(one, "from"), _id(one, "to"), [])
        results += _default_pair(exchange, _id(one, "from"), _id(one, "to"))
    return batch_response(exchange, results)


def archive_associations(exchange: Exchange) -> Response:
    """``POST /crm/v4/associations/{from}/{to}/batch/archive``; each input names one record and several targets."""
    for one in read_inputs(exchange.body(), CREATE_MOST):
        for target in one.get("to") or ():
            _remove(exchange, _id(one, "from"), str(target.get("id", "")))
    return Response(204)


def _create(exchange: Exchange, from_id: str, to_id: str, specs: Specs) -> dict[str, Any]:
    site, kind, to_kind = exchange.site, exchange.kind, exchange.to_kind
    for one_kind, one_id in ((kind, from_id), (to_kind, to_id)):
        record = site.data.store(one_kind).get(int(one_id)) if one_id.isdecimal() else None
        if record is None or record.state != "live":
            raise not_found(one_id)
    labels = read_labels(site.data, kind, to_kind, specs)
    site.data.associate(kind.name, from_id, to_kind.name, to_id, labels)
    return {
        "fromObjectTypeId": kind.type_id,
        "fromObjectId": from_id,
        "toObjectTypeId": to_kind.type_id,
        "toObjectId": to_id,
        "labels": [label.text for label in labels],
    }


def _remove(exchange: Exchange, from_id: str, to_id: str) -> None:
    if from_id.isdecimal() and to_id.isdecimal():
        exchange.site.data.disassociate(exchange.kind.name, from_id, exchange.to_kind.name, to_id)


def _default_pair(exchange: Exchange, from_id: str, to_id: str) -> Sequence[dict[str, Any]]:
    kind, to_kind = exchange.kind, exchange.to_kind
    return [_direction(kind, from_id, to_kind, to_id), _direction(to_kind, to_id, kind, from_id)]


def _direction(kind: ObjectType, from_id: str, to_kind: ObjectType, to_id: str) -> dict[str, Any]:
    type_id = default_association(kind.name, to_kind.name)
    return {
        "from": {"id": from_id},
        "to": {"id": to_id},
        "associationSpec": {"associationCategory": HUBSPOT_DEFINED, "associationTypeId": type_id},
    }


def _id(one: Mapping[str, Any], end: str) -> str:
    return str((one.get(end) or {}).get("id", ""))
