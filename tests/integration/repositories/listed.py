"""The ids in lists of deals, all batches together."""

from __future__ import annotations

from collections.abc import Iterable

from dealcache.repositories import DealBatches, DealInfoRepository


def all_deals(deals: DealInfoRepository) -> list[str]:
    """Return the ids in the list of all deals."""
    return [one["deal_id"] for batch in DealBatches(deals._connection).all_deals() for one in batch]


def deals_in_stages(deals: DealInfoRepository, stage_ids: Iterable[str]) -> list[str]:
    """Return the ids in the list of the deals in these stages."""
    return [one.deal_id for batch in DealBatches(deals._connection).deals_in_stages(stage_ids) for one in batch]
