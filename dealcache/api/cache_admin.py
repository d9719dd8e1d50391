"""Statistics of the cache, and clearing it."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask import Response

from dealcache.api import parameters, schemas
from dealcache.api.documentation import Documented, documented
from dealcache.api.problems import LATER, Problem
from dealcache.api.responses import json_response, problem_response
from dealcache.api.services import services
from dealcache.api.status import number_view
from dealcache.api.strict_blueprint import StrictBlueprint
from dealcache.cluster import Page, Place
from dealcache.cluster.paging import SORTS
from dealcache.cluster.statistics import Listing
from dealcache.model.deals import DealKey
from dealcache.model.invalidation import Selection
from dealcache.reader.cursors import CURSOR_PATTERN, decode_cursor, encode_cursor
from dealcache.reader.question_errors import InvalidCursorError

blueprint = StrictBlueprint(
    "cache", __name__, url_prefix="/api/hubspot", description="Statistics of the cache, and clearing it."
)


class StatsQuery(ma.Schema):
    """Filters and sorts the list of cached entries, and selects the workers."""

    limit = parameters.Count(0, 100_000, "How many entries to list at most.", load_default=1000)
    prefix = ma.fields.String(load_default="", metadata={"description": "Only keys that begin with this."})
    sort = parameters.one_of(
        [*SORTS, *(f"-{one}" for one in SORTS)],
        load_default="age",
        metadata={"description": "What the entries are sorted by; `-` turns it round. The youngest come first."},
    )
    cursor = ma.fields.String(
        metadata={"description": "`next_cursor` of the page before.", "pattern": CURSOR_PATTERN},
    )
    scope = parameters.one_of(
        ["group", "worker"],
        load_default="group",
        metadata={"description": "`group`: all workers of all instances; `worker`: the one that answers, alone."},
    )

    @ma.post_load
    def add_page(self, data: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
        """Add ``page``, the keys to list, and ``question``, to which its cursors belong."""
        question = [data["prefix"], data["sort"], data["scope"]]
        after = _place(data["cursor"], question) if "cursor" in data else None
        page = Page(data["prefix"], data["limit"], data["sort"], after)
        return {**data, "page": page, "question": question}


def _place(cursor: str, question: list[Any]) -> Place:
    match decode_cursor(cursor, question):
        case [int() | float() as rank, str() as key]:
            return Place(rank, key)
    raise InvalidCursorError("not a cursor of this list")


def _row(listing: Listing, now: float) -> dict[str, Any]:
    return {
        "key": listing.key,
        "deal_id": listing.deal_id,
        "age_seconds": round(max(0.0, now - listing.fetched_at), 2),
        "time_remaining_seconds": round(max(0.0, listing.expires_at - now), 2),
        "is_expired": now >= listing.expires_at,
        "size_bytes": listing.size_bytes,
        "hits": listing.hits,
    }


@blueprint.route("/cache-stats")
@blueprint.arguments(StatsQuery(), location="query")
@documented(schemas.CacheStatsSchema)
def cache_stats(query: dict[str, Any]) -> Response:
    """Return the cached entries and the reads that each tier has answered, in all workers or in one."""
    wired = services()
    statistics = wired.statistics.here if query["scope"] == "worker" else wired.statistics.everywhere
    told = statistics(query["page"])
    by_tier = told.by_tier
    hits = by_tier["memory"] + by_tier["redis"]
    misses = by_tier["mongodb"] + by_tier["hubspot"] + told.failed
    now = wired.clock()
    following = {} if told.last is None else {"next_cursor": encode_cursor(query["question"], told.last)}
    return json_response(
        {
            "scope": query["scope"],
            "workers": told.workers,
            "workers_missing": told.missing,
            "complete": told.complete,
            "total_entries": told.total,
            "matching_entries": told.matching,
            "cache_ttl_seconds": number_view(wired.settings.cache_ttl_seconds),
            "entries": [_row(row, now) for row in told.rows],
            "hits": hits,
            "misses": misses,
            "hit_ratio": round(hits / (hits + misses), 4) if hits + misses else 0.0,
            "size_bytes": told.usage.size_bytes,
            "max_bytes": told.usage.max_bytes,
            "evictions": told.usage.evictions,
            "tiers": {tier: {"hits": count} for tier, count in by_tier.items()},
        }
        | following
    )


@blueprint.route("/clear-endpoint-cache", methods=["DELETE"])
@blueprint.arguments(
    parameters.OptionalDealQuery(), location="query", unknown=ma.RAISE
)  # a typo must not clear everything
@documented(schemas.ClearedSchema, [Documented(503, "Other workers may still serve what was cached before.")])
def clear_endpoint_cache(query: dict[str, Any]) -> Response:
    """Remove all cached entries, or those of one deal, in all workers. MongoDB keeps its documents."""
    cleared = services().reader.invalidate(_selection(query["key"]))
    count = len(cleared.cleared)
    if cleared.everywhere:
        return json_response({"message": "Successfully cleared endpoint cache", "entries_cleared": count})
    detail = (
        f"Cleared in the worker that answers ({count} keys). MongoDB, from which all others learn of it, does not "
        "answer: they may serve older values until it does."
    )
    return problem_response(Problem(503, detail, headers=LATER))


def _selection(key: DealKey | None) -> Selection:
    if key is None:
        return Selection.all()
    return Selection.deals(ids=[key.value]) if key.by == "id" else Selection.deals(names=[key.value])
