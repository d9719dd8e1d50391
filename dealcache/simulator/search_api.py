"""The search endpoint: answers from the index, which may be behind, and never shows archived records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from dealcache.simulator.associations import End
from dealcache.simulator.errors import invalid
from dealcache.simulator.messages import Response, json_response
from dealcache.simulator.object_types import ObjectType, object_type_of
from dealcache.simulator.records import Properties, Record
from dealcache.simulator.representation import chosen_properties, show_indexed
from dealcache.simulator.search_conditions import (
    Condition,
    Filter,
    association_condition,
    condition,
    words,
)
from dealcache.simulator.search_query import SearchQuery, parse_search
from dealcache.simulator.site import Exchange, Site

Hit = tuple[Record, Properties]

_ASSOCIATIONS = "associations."


def search(exchange: Exchange) -> Response:
    """``POST /crm/v3/objects/{type}/search``."""
    site, kind = exchange.site, exchange.kind
    query = parse_search(exchange.request.body, kind, site.behaviour.search_body_limit)
    groups = [[_prepare(site, kind, one) for one in group] for group in query.groups]
    hits = list(_hits(site, kind, groups, query.text))
    _sort(hits, query)
    names = chosen_properties(kind, query.properties)
    page = hits[query.after : query.after + query.limit]
    body: dict[str, Any] = {
        "total": len(hits),
        "results": [show_indexed(exchange, record, properties, names) for record, properties in page],
    }
    following = query.after + query.limit
    if page and following < len(hits):
        body["paging"] = {"next": {"after": str(following)}}
    return json_response(200, body)


def _prepare(site: Site, kind: ObjectType, one: Filter) -> Condition:
    try:
        if not one.property.startswith(_ASSOCIATIONS):
            return condition(kind, one, site.data.store(kind).named)
        other = object_type_of(one.property.removeprefix(_ASSOCIATIONS))
        return association_condition(one, _neighbours(site, other, kind), _neighbours(site, kind, other))
    except ValueError as error:
        message = f"There was a problem with the request: {error}"
        raise invalid(message, [{"message": str(error), "context": {"propertyName": [one.property]}}]) from error


def _neighbours(site: Site, from_kind: ObjectType, to_kind: ObjectType) -> Callable[[int], Iterable[int]]:
    """Gives, for an id of one type, the associated ids of the other. Associations are never behind, unlike records."""
    graph = site.data.graph
    return lambda record_id: graph.targets(End(from_kind.name, record_id), to_kind.name)


def _hits(site: Site, kind: ObjectType, groups: list[list[Condition]], text: str) -> Iterator[Hit]:
    """The records that pass, with their properties as the index has them, by ascending id."""
    seen_until = site.clock() - site.behaviour.index_lag
    says = partial(_says, kind, words(text))
    for record in _candidates(site, kind, groups):
        properties = record.indexed(seen_until)
        if properties is None or not says(properties):
            continue
        if not groups or any(all(one.test(record.id, properties) for one in group) for group in groups):
            yield record, properties


def _candidates(site: Site, kind: ObjectType, groups: list[list[Condition]]) -> Iterator[Record]:
    """The records worth a look: all of them, unless each group has a condition that only some ids can pass."""
    store = site.data.store(kind)
    wanted: set[int] = set()
    for group in groups:
        narrow = [one.ids for one in group if one.ids is not None]
        if not narrow:
            return store.everything()
        wanted |= min(narrow, key=len)
    return store.pick(wanted) if groups else store.everything()


def _says(kind: ObjectType, tokens: list[str], properties: Properties) -> bool:
    """Whether each word of the free text begins a word of one of the properties that the type is searched by."""
    if not tokens:
        return True
    found = [word for name in kind.searched for word in words(properties.get(name) or "")]
    return all(any(word.startswith(token) for word in found) for token in tokens)


def _sort(hits: list[Hit], query: SearchQuery) -> None:
    """Sorts in place; equal values by ascending id, empty ones last either way."""
    if query.sort_by == "hs_object_id":
        hits.sort(key=lambda hit: hit[0].id, reverse=query.descending)
        return
    number = bool(hits) and hits[0][0].type.properties.get(query.sort_by) == "number"

    def key(hit: Hit) -> Any:
        value = hit[1].get(query.sort_by) or ""
        return (float(value) if number else value.casefold()) if value else None

    full = [hit for hit in hits if key(hit) is not None]
    empty = [hit for hit in hits if key(hit) is None]
    full.sort(key=key, reverse=query.descending)
    hits[:] = full + empty
