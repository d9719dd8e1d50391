"""Which endpoint answers which path, in both of HubSpot's version styles.

``/crm/v3/objects/…`` and ``/crm/v4/…`` are the older style, ``/crm/objects/2026-09/…`` the date-based one; the JSON is
the same in both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dealcache.sandbox.simulator import (
    account_api,
    association_writes,
    associations_api,
    batch_api,
    objects_api,
    search_api,
)
from dealcache.sandbox.simulator.access import Right
from dealcache.sandbox.simulator.errors import unknown_path, wrong_method
from dealcache.sandbox.simulator.limits import Bucket
from dealcache.sandbox.simulator.messages import Response
from dealcache.sandbox.simulator.site import Exchange

Endpoint = Callable[[Exchange], Response]


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint: how it is reached, what its calls are counted as, and what they need."""

    method: str
    pattern: re.Pattern[str]
    kind: str
    endpoint: Endpoint
    right: Right
    bucket: Bucket


# Each area with its path in the older and in the date-based style.
_AREAS = {
    "objects": r"/crm/(?:v3/objects|objects/{date})",
    "associated": r"/crm/(?:v[34]/objects|objects/{date})",
    "associations": r"/crm/(?:v4/associations|associations/{date})",
    "pipelines": r"/crm/(?:v3/pipelines|pipelines/{date})",
    "owners": r"/crm/(?:v3/owners|owners/{date})",
    "properties": r"/crm/(?:v3/properties|properties/{date})",
    "account": r"/account-info/(?:v3|{date})",
    "token": r"/oauth/v2/private-apps/get",
}
_DATE = r"(?P<date>2026-0[39])"

_TABLE: tuple[tuple[str, str, str, str, Endpoint, Right, Bucket], ...] = (
    ("GET", "objects", "/{type}", "list", objects_api.list_objects, "read", "app"),
    ("POST", "objects", "/{type}", "create", objects_api.create_object, "write", "app"),
    ("POST", "objects", "/{type}/search", "search", search_api.search, "read", "search"),
    ("POST", "objects", "/{type}/merge", "merge", objects_api.merge_objects, "write", "app"),
    ("POST", "objects", "/{type}/gdpr-delete", "erase", objects_api.erase_object, "write", "app"),
    ("POST", "objects", "/{type}/batch/read", "batch_read", batch_api.batch_read, "read", "app"),
    ("POST", "objects", "/{type}/batch/create", "batch_create", batch_api.batch_create, "write", "app"),
    ("POST", "objects", "/{type}/batch/update", "batch_update", batch_api.batch_update, "write", "app"),
    ("POST", "objects", "/{type}/batch/archive", "batch_archive", batch_api.batch_archive, "write", "app"),
    ("GET", "objects", "/{type}/{id}", "read", objects_api.read_object, "read", "app"),
    ("PATCH", "objects", "/{type}/{id}", "update", objects_api.update_object, "write", "app"),
    ("DELETE", "objects", "/{type}/{id}", "archive", objects_api.archive_object, "write", "app"),
    (
        "GET",
        "associated",
        "/{type}/{id}/associations/{to_type}",
        "associations_of_one",
        associations_api.read_associations_of_one,
        "associations",
        "app",
    ),
    (
        "PUT",
        "associated",
        "/{type}/{id}/associations/default/{to_type}/{to_id}",
        "associate",
        association_writes.put_default_association,
        "write",
        "app",
    ),
    (
        "PUT",
        "associated",
        "/{type}/{id}/associations/{to_type}/{to_id}",
        "associate",
        association_writes.put_association,
        "write",
        "app",
    ),
    (
        "DELETE",
        "associated",
        "/{type}/{id}/associations/{to_type}/{to_id}",
        "associate",
        association_writes.delete_association,
        "write",
        "app",
    ),
    (
        "POST",
        "associations",
        "/{type}/{to_type}/batch/read",
        "associations",
        associations_api.read_associations,
        "associations",
        "associations",
    ),
    (
        "POST",
        "associations",
        "/{type}/{to_type}/batch/create",
        "associate",
        association_writes.create_associations,
        "write",
        "associations",
    ),
    (
        "POST",
        "associations",
        "/{type}/{to_type}/batch/associate/default",
        "associate",
        association_writes.create_default_associations,
        "write",
        "associations",
    ),
    (
        "POST",
        "associations",
        "/{type}/{to_type}/batch/archive",
        "associate",
        association_writes.archive_associations,
        "write",
        "associations",
    ),
    (
        "GET",
        "associations",
        "/{type}/{to_type}/labels",
        "labels",
        associations_api.list_labels,
        "associations",
        "app",
    ),
    ("GET", "pipelines", "/{type}", "pipelines", account_api.list_pipelines, "pipelines", "app"),
    ("GET", "pipelines", "/{type}/{id}", "pipelines", account_api.read_pipeline, "pipelines", "app"),
    ("GET", "pipelines", "/{type}/{id}/stages", "pipelines", account_api.list_stages, "pipelines", "app"),
    (
        "GET",
        "pipelines",
        "/{type}/{id}/stages/{stage_id}",
        "pipelines",
        account_api.read_stage,
        "pipelines",
        "app",
    ),
    ("GET", "owners", "", "owners", account_api.list_owners, "owners", "app"),
    ("GET", "owners", "/{id}", "owners", account_api.read_owner, "owners", "app"),
    ("GET", "properties", "/{type}", "properties", account_api.list_properties, "schema", "app"),
    ("GET", "properties", "/{type}/{name}", "properties", account_api.read_property, "schema", "app"),
    ("GET", "account", "/details", "account", account_api.account_details, "none", "app"),
    (
        "GET",
        "account",
        "/api-usage/daily/private-apps",
        "account",
        account_api.daily_usage,
        "none",
        "app",
    ),
    ("POST", "token", "/access-token-info", "account", account_api.token_info, "none", "app"),
)


def _compile(area: str, rest: str) -> re.Pattern[str]:
    start = _AREAS[area].replace("{date}", _DATE)
    return re.compile(start + re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", rest) + "/?")


ROUTES = tuple(
    Route(method, _compile(area, rest), kind, endpoint, right, bucket)
    for method, area, rest, kind, endpoint, right, bucket in _TABLE
)


def find_route(method: str, path: str) -> tuple[Route, Mapping[str, str]]:
    """The endpoint for a path, with the parts of the path that it takes as parameters.

    A path that HubSpot does not have leads to an endpoint that answers 404, one that it has for another method to one
    that answers 405: those calls, too, are counted and need a token.
    """
    fallback = _UNKNOWN
    for route in ROUTES:
        match = route.pattern.fullmatch(path)
        if match and route.method == method:
            return route, {name: text for name, text in match.groupdict().items() if text is not None}
        if match:
            fallback = _WRONG_METHOD
    return fallback, {}


def _answer_unknown(_: Exchange) -> Response:
    raise unknown_path()


def _answer_wrong_method(_: Exchange) -> Response:
    raise wrong_method()


_UNKNOWN = Route("", re.compile(""), "unknown", _answer_unknown, "none", "app")
_WRONG_METHOD = Route("", re.compile(""), "unknown", _answer_wrong_method, "none", "app")
