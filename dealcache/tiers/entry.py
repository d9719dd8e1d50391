"""Cache entries: one view of one deal each, as wire-ready bytes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from dealcache.model.deals import DealKey, Naming, name_key

#: The most by which the clocks of processes that share entries may differ, in seconds; see ``dealcache.clock``.
CLOCKS_APART = 1.0


class View(StrEnum):
    """The three views of a deal; the values are the prefixes of the contract's cache keys."""

    ACTIVITIES_COUNT = "activities_count"
    TIMELINE = "timeline"
    INFO = "info"

    #: Enum's own is written in Python, and each look-up of a key calls it.
    __hash__ = str.__hash__


class CacheKey(NamedTuple):
    """The key of one view of one deal, as the reader named the deal.

    Names that differ only in case may be different deals, so the name is kept as the reader gave it.
    """

    view: View
    by: Naming
    value: str

    @classmethod
    def of(cls, view: View, deal: DealKey) -> CacheKey:
        """Return the key of ``view`` for the deal that ``deal`` names."""
        return cls(view, deal.by, deal.value)


@dataclass(frozen=True, slots=True)
class Entry:
    """One cached answer.

    Args:
        status: 200, or 404 for "no tier knows this deal"; no other status is ever remembered.
        body: the JSON body as it goes over the wire; empty for 404, whose body names the request.
        etag: the strong entity tag of ``body`` with its quotes (RFC 9110, 8.8.3); empty for 404.
        fetched_at: when the value was read from MongoDB or HubSpot, epoch seconds.
        expires_at: until when it is fresh, epoch seconds.
        keep_until: until when it may serve if every tier below fails, epoch seconds; never before ``expires_at``.
        deal_id: HubSpot's id of the deal; None for an unknown name.
        deal_name: the deal's name, None when there is no such deal.
        generation: that of the last invalidation known when its load began; 0 for none.
        labels_version: the version, in the process that made it, of the labels that it was made with; None if it shows
            none.
        data_as_of: the moment up to which HubSpot's changes are known to be in it, epoch seconds; None if unknown, and
            for 404.
    """

    status: int
    body: bytes
    etag: str
    fetched_at: float
    expires_at: float
    keep_until: float
    deal_id: str | None
    deal_name: str | None
    generation: int = 0
    labels_version: int | None = None
    data_as_of: float | None = None

    def displayed_key(self, key: CacheKey) -> str:
        """Return the key as clients see it, ``view:dealName``, also for entries read by id."""
        name = self.deal_name if key.by == "id" and self.deal_name else key.value
        return key.view + ":" + name  # twice as fast as formatting an enum

    def name_key(self, key: CacheKey) -> str | None:
        """Return the normalized name by which an invalidation finds the entry under ``key``; None for an unknown id."""
        name = key.value if key.by == "name" else self.deal_name
        return None if name is None else name_key(name)
