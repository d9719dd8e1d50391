"""Endpoints about the account: owners, pipelines, property definitions, details and usage."""

from __future__ import annotations

from typing import Any

from dealcache.sandbox.simulator.errors import invalid, not_found
from dealcache.sandbox.simulator.messages import Response, json_response
from dealcache.sandbox.simulator.object_types import DEALS, ObjectType, PropertyKind
from dealcache.sandbox.simulator.property_values import READ_ONLY
from dealcache.sandbox.simulator.representation import paging_to
from dealcache.sandbox.simulator.site import Exchange, read_limit
from dealcache.sandbox.simulator.stage_properties import LATEST_TIME, stage_definitions
from dealcache.sandbox.simulator.timestamps import to_iso

#: HubSpot, changelog of the owners API.
OWNERS_MOST = 500
#: The calls that a private app of an account on the Professional tier may make in a day, when limits are off.
DAILY_WITHOUT_LIMITS = 625_000

_FIELD_TYPES = {
    "string": "text",
    "number": "number",
    "datetime": "date",
    "date": "date",
    "enumeration": "select",
    "bool": "booleancheckbox",
}


def list_owners(exchange: Exchange) -> Response:
    """``GET /crm/v3/owners``: a page of the owners, archived ones only when asked for."""
    request = exchange.request
    limit = read_limit(request.argument("limit"), 100, OWNERS_MOST)
    archived, email = request.flag("archived"), request.argument("email")
    owners = [
        owner
        for owner in sorted(exchange.site.data.owners, key=lambda one: int(one["id"]))
        if owner["archived"] == archived and email in (None, owner["email"])
    ]
    after = request.argument("after") or "0"
    if not after.isdecimal():
        raise invalid(f"after is not a valid cursor: {after!r}")
    rest = [owner for owner in owners if int(owner["id"]) > int(after)]
    shown = exchange.site.poisons.shown
    body: dict[str, Any] = {"results": [shown("owners", owner["id"], owner) for owner in rest[:limit]]}
    if len(rest) > limit:
        body["paging"] = paging_to(exchange, rest[limit - 1]["id"])
    return json_response(200, body)


def read_owner(exchange: Exchange) -> Response:
    """``GET /crm/v3/owners/{ownerId}``; the id is a user's with ``idProperty=userId``."""
    request = exchange.request
    key = "userIdIncludingInactive" if request.argument("idProperty") == "userId" else "id"
    archived = request.flag("archived")
    for owner in exchange.site.data.owners:
        if str(owner[key]) == exchange.params["id"] and owner["archived"] == archived:
            return json_response(200, owner)
    raise not_found(exchange.params["id"])


def list_pipelines(exchange: Exchange) -> Response:
    """``GET /crm/v3/pipelines/{type}``, not paged; archived ones only when asked for. Only deals have any here."""
    archived = exchange.request.flag("archived")
    found = [one for one in _pipelines(exchange) if bool(one.get("archived")) == archived]
    shown = exchange.site.poisons.shown
    return json_response(200, {"results": [shown("pipelines", one["id"], one) for one in found]})


def read_pipeline(exchange: Exchange) -> Response:
    """``GET /crm/v3/pipelines/{type}/{pipelineId}``."""
    return json_response(200, _pick(_pipelines(exchange), exchange.params["id"]))


def list_stages(exchange: Exchange) -> Response:
    """``GET /crm/v3/pipelines/{type}/{pipelineId}/stages``, not paged."""
    pipeline = _pick(_pipelines(exchange), exchange.params["id"])
    return json_response(200, {"results": pipeline["stages"]})


def read_stage(exchange: Exchange) -> Response:
    """``GET /crm/v3/pipelines/{type}/{pipelineId}/stages/{stageId}``."""
    pipeline = _pick(_pipelines(exchange), exchange.params["id"])
    return json_response(200, _pick(pipeline["stages"], exchange.params["stage_id"]))


def list_properties(exchange: Exchange) -> Response:
    """``GET /crm/v3/properties/{type}``, not paged; archived ones only when asked for."""
    archived = exchange.request.flag("archived")
    found = [one for one in _definitions(exchange).values() if bool(one.get("archived")) == archived]
    return json_response(200, {"results": found})


def read_property(exchange: Exchange) -> Response:
    """``GET /crm/v3/properties/{type}/{name}``."""
    name = exchange.params["name"]
    definition = _definitions(exchange).get(name)
    if definition is None:
        raise not_found(name)
    return json_response(200, definition)


def account_details(exchange: Exchange) -> Response:
    """``GET /account-info/v3/details``."""
    details = {
        "portalId": exchange.site.portal_id,
        "accountType": "STANDARD",
        "timeZone": "US/Eastern",
        "companyCurrency": exchange.site.data.currencies.company,
        "additionalCurrencies": sorted(exchange.site.data.currencies.rates),
        "utcOffset": "-05:00",
        "utcOffsetMilliseconds": -18_000_000,
        "uiDomain": "app.hubspot.com",
        "dataHostingLocation": "na1",
    }
    return json_response(200, details)


def daily_usage(exchange: Exchange) -> Response:
    """``GET /account-info/v3/api-usage/daily/private-apps``."""
    limiter, now = exchange.site.limiter, exchange.site.clock()
    usage = {
        "name": "private-apps-api-calls-daily",
        "usageLimit": limiter.limits.daily if limiter else DAILY_WITHOUT_LIMITS,
        "currentUsage": limiter.used_today if limiter else 0,
        "collectedAt": to_iso(int(now * 1000)),
        "fetchStatus": "SUCCESS",
    }
    return json_response(200, {"results": [usage]})


def token_info(exchange: Exchange) -> Response:
    """``POST /oauth/v2/private-apps/get/access-token-info``: the account and the scopes of the token in the body."""
    if exchange.body().get("tokenKey") != exchange.site.token:
        raise invalid("tokenKey is not a valid token")
    scopes = sorted(exchange.site.scopes)
    return json_response(200, {"userId": 1, "hubId": exchange.site.portal_id, "appId": 1, "scopes": scopes})


def _pipelines(exchange: Exchange) -> list[dict[str, Any]]:
    return exchange.site.data.pipelines if exchange.kind.name == "deals" else []


def _pick(items: list[dict[str, Any]], item_id: str) -> dict[str, Any]:
    for item in items:
        if item["id"] == item_id:
            return item
    raise not_found(item_id)


def _definitions(exchange: Exchange) -> dict[str, dict[str, Any]]:
    """The definitions of all properties of a type, by name."""
    kind = exchange.kind
    found = {name: _definition(kind, name, sort) for name, sort in kind.properties.items()}
    of_stages = stage_definitions(exchange.site.data.pipelines) if kind is DEALS else {}
    for name, label in of_stages.items():
        sort: PropertyKind = "number" if name.startswith(LATEST_TIME) else "datetime"
        found[name] = _definition(kind, name, sort) | {"label": label, "calculated": True}
    own = exchange.site.data.own_properties if kind is DEALS else {}
    return dict(sorted({**found, **own}.items()))


def _definition(kind: ObjectType, name: str, sort: PropertyKind) -> dict[str, Any]:
    return {
        "name": name,
        "label": name.removeprefix("hs_").replace("_", " ").capitalize(),
        "type": sort,
        "fieldType": _FIELD_TYPES[sort],
        "groupName": f"{kind.singular}information",
        "description": "",
        "options": [],
        "displayOrder": -1,
        "calculated": False,
        "externalOptions": False,
        "hasUniqueValue": False,
        "hidden": False,
        "hubspotDefined": True,
        "formField": False,
        "modificationMetadata": {
            "archivable": False,
            "readOnlyDefinition": True,
            "readOnlyValue": name in READ_ONLY,
        },
    }
