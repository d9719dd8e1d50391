"""Endpoints of single records and lists: list, read, create, update, archive, merge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dealcache.sandbox.simulator.account import UnknownRecord
from dealcache.sandbox.simulator.association_specs import read_labels, target_type
from dealcache.sandbox.simulator.associations import End, Label, page_of, write_cursor
from dealcache.sandbox.simulator.errors import invalid, invalid_properties, not_found, unknown_object_type
from dealcache.sandbox.simulator.messages import Response, json_response
from dealcache.sandbox.simulator.object_types import ObjectType, find_object_type
from dealcache.sandbox.simulator.property_values import InvalidProperties, check_properties
from dealcache.sandbox.simulator.records import Record
from dealcache.sandbox.simulator.representation import chosen_properties, paging_to, show_history, show_record
from dealcache.sandbox.simulator.site import Exchange, parse_objects, read_limit

#: HubSpot, object guides: 100 records per page, 50 with histories.
LIST_MOST = 100
LIST_MOST_WITH_HISTORY = 50
#: Associations shown inside one record of a list (observed; see dlt verified-sources #593).
INLINE_ASSOCIATIONS = 100


def list_objects(exchange: Exchange) -> Response:
    """``GET /crm/v3/objects/{type}``: a page of records by ascending id, archived ones only when asked for."""
    request = exchange.request
    histories = request.listed("propertiesWithHistory")
    limit = read_limit(request.argument("limit"), 10, LIST_MOST_WITH_HISTORY if histories else LIST_MOST)
    after = request.argument("after") or "0"
    if not after.isdecimal():
        raise invalid(f"after is not a valid cursor: {after!r}")
    archived = request.flag("archived")
    if archived and exchange.kind.name in exchange.site.behaviour.archived_not_listed:
        raise invalid("Paging through deleted objects is not yet supported")
    store = exchange.site.data.store(exchange.kind)
    records, following = store.page(int(after), limit, archived=archived)
    names = chosen_properties(exchange, [*request.listed("properties"), *histories])
    associated = [_associated_type(one) for one in request.listed("associations")]
    body: dict[str, Any] = {"results": [_show(exchange, one, names, histories, associated) for one in records]}
    if following is not None:
        body["paging"] = paging_to(exchange, str(following))
    return json_response(200, body)


def read_object(exchange: Exchange) -> Response:
    """``GET /crm/v3/objects/{type}/{id}``."""
    request = exchange.request
    record = find_record(exchange, exchange.params["id"], archived=request.flag("archived"))
    if record is None:
        raise not_found(exchange.params["id"])
    histories = request.listed("propertiesWithHistory")
    names = chosen_properties(exchange, [*request.listed("properties"), *histories])
    associated = [_associated_type(one) for one in request.listed("associations")]
    return json_response(200, _show(exchange, record, names, histories, associated))


def create_object(exchange: Exchange) -> Response:
    """``POST /crm/v3/objects/{type}``."""
    return json_response(201, create_from(exchange, exchange.body()))


def update_object(exchange: Exchange) -> Response:
    """``PATCH /crm/v3/objects/{type}/{id}``. Ids that were merged away work here."""
    properties = writable_properties(exchange, exchange.body())
    record = find_record(exchange, exchange.params["id"])
    if record is None:
        raise not_found(exchange.params["id"])
    changed = exchange.site.data.update(exchange.kind.name, record.id, properties)
    return json_response(200, show_record(exchange, changed, chosen_properties(exchange, properties)))


def archive_object(exchange: Exchange) -> Response:
    """``DELETE /crm/v3/objects/{type}/{id}``; a record that is archived already stays so."""
    record_id = exchange.params["id"]
    if not record_id.isdecimal():
        raise not_found(record_id)
    try:
        exchange.site.data.archive(exchange.kind.name, record_id)
    except UnknownRecord as error:
        raise not_found(record_id) from error
    return Response(204)


def erase_object(exchange: Exchange) -> Response:
    """``POST /crm/v3/objects/{type}/gdpr-delete``, by id alone."""
    record_id = str(exchange.body().get("objectId", ""))
    try:
        exchange.site.data.erase(exchange.kind.name, record_id)
    except (UnknownRecord, ValueError) as error:
        raise not_found(record_id) from error
    return Response(204)


def merge_objects(exchange: Exchange) -> Response:
    """``POST /crm/v3/objects/{type}/merge``."""
    body = exchange.body()
    ids = [str(body.get(name, "")) for name in ("primaryObjectId", "objectIdToMerge")]
    for one in ids:
        if find_record(exchange, one) is None:
            raise not_found(one)
    try:
        keep = exchange.site.behaviour.merge_keeps_primary
        merged = exchange.site.data.merge(exchange.kind.name, ids[0], ids[1], keep_primary=keep)
    except ValueError as error:
        raise invalid(str(error)) from error
    return json_response(200, show_record(exchange, merged, chosen_properties(exchange, merged.properties)))


def find_record(exchange: Exchange, record_id: str, *, archived: bool = False) -> Record | None:
    """The record of the path's type that a client means, if it is in the state that the client asks for."""
    if not record_id.isdecimal():
        return None
    record = exchange.site.data.store(exchange.kind).get(int(record_id))
    if record is None or (record.state == "archived") != archived:
        return None
    return record


def create_from(exchange: Exchange, body: Mapping[str, Any]) -> dict[str, Any]:
    """Creates a record of the path's type from one input, with its associations, and shows it.

    Raises:
        ApiError: 400, a property cannot be written or is missing, or an association leads nowhere.
    """
    kind, data = exchange.kind, exchange.site.data
    properties = writable_properties(exchange, body)
    missing = [name for name in kind.required if not properties.get(name)]
    if missing:
        errors = [{"message": f'"{name}" is required', "code": "REQUIRED_FIELD"} for name in missing]
        raise invalid(f"Error creating {kind.label}. Some required properties were not set.", errors)
    links = [_link(exchange, one) for one in parse_objects(body.get("associations"), "associations")]
    record = data.create(kind.name, properties)
    for target, labels in links:
        data.associate(kind.name, record.id, target.type, target.id, labels)
    return show_record(exchange, record, chosen_properties(exchange, properties))


def writable_properties(exchange: Exchange, body: Mapping[str, Any]) -> dict[str, str | None]:
    """The ``properties`` of a write, checked.

    Raises:
        ApiError: 400, one of them cannot be written.
    """
    properties = body.get("properties")
    if not isinstance(properties, dict):
        raise invalid("Invalid input JSON: properties must be an object")
    try:
        return check_properties(exchange.site.data.properties_of(exchange.kind), properties)
    except InvalidProperties as error:
        raise invalid_properties(error) from error


def _link(exchange: Exchange, raw: Mapping[str, Any]) -> tuple[End, list[Label]]:
    """Reads one entry of a create call's ``associations``: HubSpot tells the target's type by the association's."""
    types = parse_objects(raw.get("types"), "types")
    kind = target_type(exchange.site.data, exchange.kind, types)
    target_id = str((raw.get("to") or {}).get("id", ""))
    store = exchange.site.data.store(kind)
    if not target_id.isdecimal() or (record := store.get(int(target_id))) is None or record.state != "live":
        raise invalid(f"{kind.label} {target_id} does not exist")
    return End(kind.name, record.id), read_labels(exchange.site.data, exchange.kind, kind, types)


def _associated_type(alias: str) -> ObjectType:
    kind = find_object_type(alias)
    if kind is None:
        raise unknown_object_type(alias)
    return kind


def _show(
    exchange: Exchange,
    record: Record,
    names: Sequence[str],
    histories: Sequence[str],
    associated: Sequence[ObjectType],
) -> dict[str, Any]:
    shown = show_record(exchange, record, names)
    if histories:
        shown["propertiesWithHistory"] = show_history(record, histories)
    pages = {kind.name: page for kind in associated if (page := _inline_page(exchange, record, kind))}
    if pages:
        shown["associations"] = pages
    return shown


def _inline_page(exchange: Exchange, record: Record, kind: ObjectType) -> dict[str, Any]:
    """The first page of one record's associations in a list: an entry for each label, hence repeated ids."""
    graph, source = exchange.site.data.graph, End(record.type.name, record.id)
    ids, last = page_of(exchange.site.associated(source, kind), None, INLINE_ASSOCIATIONS)
    name = f"{record.type.singular}_to_{kind.singular}"
    results, known = [], graph.labels(source)
    for one in ids:
        labels = known.get(End(kind.name, one), ())
        results += [{"id": str(one), "type": name}] + [
            {"id": str(one), "type": f"{name}_{label.text.lower().replace(' ', '_')}"} for label in labels
        ]
    page: dict[str, Any] = {"results": results} if results else {}
    if last is not None:
        after = write_cursor(kind, last)
        link = f"{exchange.request.base_url}/crm/v3/objects/{record.type.name}/{record.id}/associations/{kind.name}"
        page["paging"] = {"next": {"after": after, "link": f"{link}?after={after}&limit=100"}}
    return page
