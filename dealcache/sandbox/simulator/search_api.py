"""The search endpoint: answers from the index, which may be behind, and never shows archived records."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from operator import itemgetter
from typing import Any

from dealcache.sandbox.simulator.associations import End
from dealcache.sandbox.simulator.errors import ApiError, invalid
from dealcache.sandbox.simulator.messages import Response, json_response
from dealcache.sandbox.simulator.object_types import ObjectType, object_type_of
from dealcache.sandbox.simulator.records import Properties, Record, RecordStore
from dealcache.sandbox.simulator.representation import chosen_properties, show_indexed
from dealcache.sandbox.simulator.search_conditions import (
    Condition,
    Filter,
    association_condition,
    condition,
    words,
)
from dealcache.sandbox.simulator.search_groups import Group, modified_span
from dealcache.sandbox.simulator.search_query import ASSOCIATIONS, MOST_RESULTS, SearchQuery, parse_search
from dealcache.sandbox.simulator.site import Exchange, Site

Hit = tuple[Record, Properties]

_OBJECT_ID = "hs_object_id"
_BOUNDS = ("GT", "GTE", "LT", "LTE")


def search(exchange: Exchange) -> Response:
    """``POST /crm/v3/objects/{type}/search``."""
    site, kind = exchange.site, exchange.kind
    defined = site.data.properties_of(kind)
    query = parse_search(exchange.request.body, kind, site.behaviour.search_body_limit, defined)
    seen_until = site.clock() - site.behaviour.index_lag
    found = _found(site, kind, query, seen_until)
    names = chosen_properties(exchange, query.properties)
    results = [
        show_indexed(exchange, record, properties, names)
        for record in found[query.after : query.after + query.limit]
        if (properties := record.indexed(seen_until)) is not None
    ]
    total = min(len(found), MOST_RESULTS) if site.behaviour.search_total_capped else len(found)
    body: dict[str, Any] = {"total": total, "results": results}
    following = query.after + query.limit
    if results and following < total:
        body["paging"] = {"next": {"after": str(following)}}
    return json_response(200, body)


def _found(site: Site, kind: ObjectType, query: SearchQuery, seen_until: float) -> Sequence[Record]:
    """All records that a search finds, in its order.

    A client that pages by ``hs_object_id`` sends the same search again and again with another lower bound: it is
    answered from one result, cut by bisection.
    """
    wide, bounds = _without_bounds(query)

    def go_through() -> Sequence[Record]:
        groups = [_prepare_group(site, kind, filters) for filters in wide.groups]
        hits = list(_hits(site.data.store(kind), groups, partial(_says, kind, words(wide.text)), seen_until))
        _sort(hits, wide, is_number=site.data.properties_of(kind).get(wide.sort_by) == "number")
        return [record for record, _ in hits]

    if any(one.property.startswith(ASSOCIATIONS) for group in wide.groups for one in group):
        # Associations change without the records that search knows.
        return _cut(go_through(), bounds)
    key = (kind.name, wide.groups, wide.text, wide.sort_by, wide.descending, site.data.store(kind).seen(seen_until))
    return _cut(site.searches.get(key, go_through), bounds)


def _without_bounds(query: SearchQuery) -> tuple[SearchQuery, list[Filter]]:
    """The search without the bounds of ``hs_object_id``, if its results are in that order, and the bounds."""
    if query.sort_by != _OBJECT_ID or query.descending or len(query.groups) != 1:
        return query, []
    (group,) = query.groups
    bounds = [
        one for one in group if one.property == _OBJECT_ID and one.operator in _BOUNDS and one.values[0].isdecimal()
    ]
    return replace(query, groups=(tuple(one for one in group if one not in bounds),)), bounds


def _cut(records: Sequence[Record], bounds: list[Filter]) -> Sequence[Record]:
    """The part of records in ascending order of their ids that is within bounds."""
    start, end = 0, len(records)
    for one in bounds:
        # The first id that is over the bound, or also at it.
        at_least = int(one.values[0]) + (one.operator in ("GT", "LTE"))
        place = bisect.bisect_left(records, at_least, key=lambda record: record.id)
        if one.operator.startswith("G"):
            start = max(start, place)
        else:
            end = min(end, place)
    return records[start:end] if bounds else records


def _prepare_group(site: Site, kind: ObjectType, filters: Sequence[Filter]) -> Group:
    try:
        since, until, rest = modified_span(kind.modified_property, filters)
    except (ValueError, OverflowError) as error:
        raise _unfit(kind.modified_property, error) from error
    return Group([_prepare(site, kind, one) for one in rest], since, until)


def _prepare(site: Site, kind: ObjectType, one: Filter) -> Condition:
    try:
        if not one.property.startswith(ASSOCIATIONS):
            return condition(site.data.properties_of(kind), one, site.data.store(kind).named)
        other = object_type_of(one.property.removeprefix(ASSOCIATIONS))
        return association_condition(one, _neighbours(site, other, kind), _neighbours(site, kind, other))
    except (ValueError, OverflowError) as error:
        raise _unfit(one.property, error) from error


def _unfit(name: str, error: Exception) -> ApiError:
    message = f"There was a problem with the request: {error}"
    return invalid(message, [{"message": str(error), "context": {"propertyName": [name]}}])


def _neighbours(site: Site, from_kind: ObjectType, to_kind: ObjectType) -> Callable[[int], Iterable[int]]:
    """Gives, for an id of one type, the associated ids of the other. Associations are never behind, unlike records."""
    graph = site.data.graph
    return lambda record_id: graph.targets(End(from_kind.name, record_id), to_kind.name)


def _hits(
    store: RecordStore, groups: Sequence[Group], says: Callable[[Properties], bool], seen_until: float
) -> Iterator[Hit]:
    """The records that pass, with their properties as the index has them, by ascending id."""
    for record in _candidates(store, groups):
        properties = record.indexed(seen_until)
        if properties is None or not says(properties):
            continue
        if not groups or any(group.passes(record.id, properties) for group in groups):
            yield record, properties


def _candidates(store: RecordStore, groups: Sequence[Group]) -> Iterator[Record]:
    """The records worth a look: all of them, unless each group can be passed by some ids only."""
    wanted: set[int] = set()
    for group in groups:
        narrow = group.candidates(store)
        if narrow is None:
            return store.everything()
        wanted |= narrow
    return store.pick(wanted) if groups else store.everything()


def _says(kind: ObjectType, tokens: list[str], properties: Properties) -> bool:
    """Return True if each word of the free text begins a word of one of the properties that the type is searched by."""
    if not tokens:
        return True
    found = [word for name in kind.searched for word in words(properties.get(name) or "")]
    return all(any(word.startswith(token) for word in found) for token in tokens)


def _sort(hits: list[Hit], query: SearchQuery, *, is_number: bool) -> None:
    """Sorts hits, given by ascending id, in place; equal values stay by ascending id, empty ones last either way."""
    if query.sort_by == _OBJECT_ID:
        if query.descending:
            hits.reverse()
        return
    full: list[tuple[Any, Hit]] = []
    empty: list[Hit] = []
    for hit in hits:
        value = hit[1].get(query.sort_by)
        if value:
            full.append((float(value) if is_number else value.casefold(), hit))
        else:
            empty.append(hit)
    full.sort(key=itemgetter(0), reverse=query.descending)
    hits[:] = [hit for _, hit in full] + empty
