"""Records and pages as HubSpot's JSON shows them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlencode

from dealcache.sandbox.simulator.access import EMAIL_READ
from dealcache.sandbox.simulator.messages import Response, json_response
from dealcache.sandbox.simulator.object_types import DEALS, EMAILS
from dealcache.sandbox.simulator.records import Properties, Record
from dealcache.sandbox.simulator.site import Exchange
from dealcache.sandbox.simulator.stage_properties import is_stage_property
from dealcache.sandbox.simulator.timestamps import to_iso

_REDACTED = (
    "The content of this email has been redacted. To include it in the response, your app must require the "
    "sales-email-read scope."
)
_EMAIL_CONTENT = ("hs_email_html", "hs_email_text", "hs_body_preview")


def chosen_properties(exchange: Exchange, asked: Iterable[str]) -> tuple[str, ...]:
    """The properties that an answer shows: those asked for or the type's defaults, and those that always come.

    Names that the type does not define are left out in silence, as HubSpot does.
    """
    kind = exchange.kind
    names = set(asked) or set(kind.defaults)
    of_stages = {name for name in names if kind is DEALS and is_stage_property(name)}
    return tuple(sorted((names & exchange.site.data.properties_of(kind).keys()) | of_stages | set(kind.always)))


def show_record(exchange: Exchange, record: Record, names: Sequence[str]) -> dict[str, Any]:
    """A record as it is now. A defined but empty property is null."""
    shown = _show(exchange, record, record.properties, names)
    shown["archived"] = record.state == "archived"
    if record.archived_at is not None:
        shown["archivedAt"] = record.archived_at
    return exchange.site.poisons.shown(record.type.name, record.id, shown)


def show_indexed(exchange: Exchange, record: Record, properties: Properties, names: Sequence[str]) -> dict[str, Any]:
    """A record as the search index last saw it."""
    shown = _show(exchange, record, properties, names)
    return exchange.site.poisons.shown(record.type.name, record.id, shown)


def show_history(record: Record, names: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
    """The former values of some properties, newest first."""
    return {
        name: [
            {"value": value, "timestamp": moment, "sourceType": "CRM_UI", "sourceId": "userId:9586504"}
            for value, moment in record.history(name)
        ]
        for name in names
        if name in record.type.properties
    }


def batch_response(
    exchange: Exchange,
    results: Sequence[Any],
    errors: Sequence[dict[str, Any]] = (),
    *,
    status: int = 200,
) -> Response:
    """The answer of a batch endpoint, as a partial success if there are errors."""
    now = to_iso(int(exchange.site.clock() * 1000))
    body: dict[str, Any] = {"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now}
    if errors:
        body |= {"numErrors": len(errors), "errors": errors}
        status = exchange.site.behaviour.partial_status
    return json_response(status, body)


def paging_to(exchange: Exchange, after: str) -> dict[str, Any]:
    """The ``paging`` that leads to the next page of the request's own path and parameters."""
    request = exchange.request
    pairs = [(name, one) for name, values in request.query.items() if name != "after" for one in values]
    query = urlencode([*pairs, ("after", after)])
    return {"next": {"after": after, "link": f"{request.base_url}{request.path}?{query}"}}


def _show(exchange: Exchange, record: Record, properties: Properties, names: Sequence[str]) -> dict[str, Any]:
    values = {name: properties.get(name) for name in names}
    if record.type is EMAILS and EMAIL_READ not in exchange.site.scopes:
        values |= {name: _REDACTED for name in _EMAIL_CONTENT if values.get(name)}
    return {
        "id": str(record.id),
        "properties": values,
        "createdAt": record.created_at,
        "updatedAt": properties["hs_lastmodifieddate"],
        "archived": False,
    }
