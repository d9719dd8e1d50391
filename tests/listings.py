"""The contents of a memory tier, as rows."""

from __future__ import annotations

from typing import NamedTuple

from dealcache.tiers import MemoryTier


class Row(NamedTuple):
    """One entry, as statistics show it."""

    key: str
    deal_id: str | None
    fetched_at: float
    expires_at: float
    size_bytes: int
    hits: int


def rows_of(tier: MemoryTier) -> list[Row]:
    """Return what the tier holds, youngest first."""
    return [Row(*row) for columns in tier.columns() for row in zip(*columns, strict=True)]
