"""Reads and checks the body of a search against HubSpot's limits.

Source: HubSpot, CRM search guide: at most 5 groups of at most 6 filters, 18 filters in all, 200 results per page, one
sort rule, 3,000 characters, and nothing beyond the first 10,000 results. Public connectors: at most 100 values in an IN
or NOT_IN filter, and no filter on, or sort by, a property that does not exist.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dealcache.sandbox.simulator.errors import ApiError, invalid
from dealcache.sandbox.simulator.object_types import ObjectType
from dealcache.sandbox.simulator.search_conditions import Filter
from dealcache.sandbox.simulator.site import parse_object, parse_objects

#: How a filter names the associations with records of a type, in place of a property.
ASSOCIATIONS = "associations."

MOST_GROUPS = 5
MOST_FILTERS_PER_GROUP = 6
MOST_FILTERS = 18
MOST_VALUES = 100
MOST_PER_PAGE = 200
MOST_RESULTS = 10_000


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """A checked search. ``groups`` are alternatives of filters that must all pass; ``after`` is an offset."""

    groups: tuple[tuple[Filter, ...], ...]
    sort_by: str
    descending: bool
    text: str
    properties: tuple[str, ...]
    limit: int
    after: int


def parse_search(
    raw: bytes, kind: ObjectType, body_limit: int | None, defined: Collection[str] | None = None
) -> SearchQuery:
    """Reads the body of a search.

    Args:
        raw: the request's body.
        kind: the object type that is searched.
        body_limit: the most characters that ``raw`` may have, None for any number.
        defined: the names of the type's properties in the account; those that every account has unless given.

    Raises:
        ApiError: 400, it breaks a limit or is malformed.
    """
    if body_limit is not None and len(raw.decode(errors="replace")) > body_limit:
        raise invalid(f"The body of a search request must not exceed {body_limit} characters")
    body = parse_object(raw)
    names = kind.properties if defined is None else defined
    sort_by, descending = _read_sort(body.get("sorts"), kind, names)
    limit, after = _read_page(body)
    properties = body.get("properties") or []
    if not isinstance(properties, list):
        raise invalid("Invalid input JSON: properties must be a list of names")
    return SearchQuery(
        groups=_read_groups(body, kind, names),
        sort_by=sort_by,
        descending=descending,
        text=str(body.get("query") or ""),
        properties=tuple(str(name) for name in properties),
        limit=limit,
        after=after,
    )


def _read_groups(body: Mapping[str, Any], kind: ObjectType, names: Collection[str]) -> tuple[tuple[Filter, ...], ...]:
    """``filterGroups``; a bare ``filters`` list counts as one group."""
    raw = body.get("filterGroups") or ([{"filters": body["filters"]}] if body.get("filters") else [])
    groups = tuple(
        tuple(_read_filter(one, kind, names) for one in parse_objects(group.get("filters"), "filters"))
        for group in parse_objects(raw, "filterGroups")
    )
    if len(groups) > MOST_GROUPS:
        raise _too_many("filter groups", MOST_GROUPS)
    if any(len(group) > MOST_FILTERS_PER_GROUP for group in groups):
        raise _too_many("filters in a group", MOST_FILTERS_PER_GROUP)
    if sum(map(len, groups)) > MOST_FILTERS:
        raise _too_many("filters", MOST_FILTERS)
    return groups


def _read_filter(raw: Mapping[str, Any], kind: ObjectType, names: Collection[str]) -> Filter:
    name, operator = str(raw.get("propertyName", "")), str(raw.get("operator", ""))
    if not name.startswith(ASSOCIATIONS):
        _check_exists(names, name)
    if name in kind.unfilterable:
        raise invalid(f"Property {name} cannot be used in filters")
    if operator in ("IN", "NOT_IN"):
        values: Sequence[Any] = raw.get("values") or ()
        if isinstance(values, str):
            raise invalid(f"operator {operator} on {name} needs a list of values")
        if len(values) > MOST_VALUES:
            raise invalid(f"operator {operator} on {name} takes at most {MOST_VALUES} values, got {len(values)}")
    elif operator == "BETWEEN":
        values = (raw.get("value"), raw.get("highValue"))
    elif operator in ("HAS_PROPERTY", "NOT_HAS_PROPERTY"):
        return Filter(name, operator, ())
    else:
        values = (raw.get("value"),)
    if not values or None in values:
        raise invalid(f"operator {operator} on {name} lacks a value")
    return Filter(name, operator, tuple(str(value) for value in values))


def _read_sort(raw: Any, kind: ObjectType, names: Collection[str]) -> tuple[str, bool]:
    """The first sort rule, the only one that counts. A rule that is a bare text is ignored (hubspot-api-ruby#257)."""
    rule = raw[0] if isinstance(raw, list) and raw else None
    if not isinstance(rule, dict) or not rule.get("propertyName"):
        return kind.created_property, False
    _check_exists(names, str(rule["propertyName"]))
    return str(rule["propertyName"]), rule.get("direction") == "DESCENDING"


def _check_exists(names: Collection[str], name: str) -> None:
    if name not in names:
        problem = {"message": f'Property "{name}" does not exist', "code": "PROPERTY_DOESNT_EXIST"}
        raise invalid(
            f'There was a problem with the request: Property "{name}" does not exist',
            [{**problem, "context": {"propertyName": [name]}}],
        )


def _read_page(body: Mapping[str, Any]) -> tuple[int, int]:
    limit, after = str(body.get("limit", 10)), str(body.get("after") or "0")
    if not limit.isdecimal() or not 0 <= int(limit) <= MOST_PER_PAGE:
        raise invalid(f"limit must be a number up to {MOST_PER_PAGE}, got {limit!r}")
    if not after.isdecimal():
        raise invalid(f"after must be an integer, got {after!r}")
    if int(after) + int(limit) > MOST_RESULTS:
        raise invalid(f"There is a limit of {MOST_RESULTS} results per search; after + limit must not exceed it")
    return int(limit), int(after)


def _too_many(what: str, most: int) -> ApiError:
    return invalid(f"There are too many {what}: at most {most} are allowed")
