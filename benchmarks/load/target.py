"""The service as it describes itself before a run: its deals, its version, and what it allows."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.client import target_of
from benchmarks.deployed import CannotMeasureError, Deployed, Place, knock
from benchmarks.load.mix import ADMINS, Kind

_LONGEST_NAME = 512


@dataclass(frozen=True, slots=True)
class Target:
    """The service as it shows itself.

    Attributes:
        deals: the names by which its deals can be asked for.
        facts: what it tells, in words.
        left_out: kinds of visits that it does not allow us.
    """

    deals: tuple[str, ...]
    facts: dict[str, str] = field(default_factory=dict)
    left_out: frozenset[Kind] = frozenset()


def look_at(place: Place) -> Target:
    """Ask the service.

    Raises:
        CannotMeasureError: it cannot be loaded, with the reason.
    """
    knock(place)
    with Deployed(place) as service:
        deals = usable_names(service.read_json("/api/hubspot/v2/all-deals"))
        if not deals:
            raise CannotMeasureError(
                f"{place.base_url} knows no deals yet: sync first, curl -X POST {place.base_url}/api/hubspot/v2/sync"
            )
        description = service.read_json("/api/openapi.json")
        before = service.read_json("/api/hubspot/cache-stats?limit=1")
        ready = service.ask("/readyz")
        # A deal that nobody has, so that nothing is cleared.
        cleared = service.ask(target_of(f"none {uuid.uuid4().hex}", "clear-endpoint-cache"), "DELETE", admin=True)
    facts = _facts(description, before) | {"Ready": f"{ready.status} {ready.body.decode('utf-8', 'replace').strip()}"}
    left_out = ADMINS if cleared.status in (401, 403) else frozenset()
    return Target(deals, facts | {"Deals": f"{len(deals):,}"}, left_out)


def usable_names(listed: Any) -> tuple[str, ...]:
    """The names in a list of deals by which they can be asked for, each once."""
    stripped = (str(deal["name"] or "").strip() for deal in listed)
    return tuple(dict.fromkeys(name for name in stripped if 0 < len(name) <= _LONGEST_NAME and name.isprintable()))


def _facts(description: Mapping[str, Any], stats: Mapping[str, Any]) -> dict[str, str]:
    return {
        "Version": f"{description['info']['title']} {description['info']['version']}",
        "Workers": f"{stats.get('workers', 'unknown')}",
        "CACHE_TTL_SECONDS": f"{stats['cache_ttl_seconds']:,}",
        "CACHE_MAX_BYTES": f"{stats['max_bytes']:,} over all workers",
        "Cached before the run": f"{stats['total_entries']:,} entries, {stats['size_bytes']:,} bytes",
    }
