"""The lists of deals, all batches together."""

from __future__ import annotations

from collections.abc import Iterable

from dealcache.model.deals import Deal
from dealcache.repositories import DealBatches, DealInfoRepository, ListedDeal


def all_deals(deals: DealInfoRepository) -> list[ListedDeal]:
    """Return the list of all deals."""
    return [one for batch in DealBatches(deals._connection).all_deals() for one in batch]


def deals_in_stages(deals: DealInfoRepository, stage_ids: Iterable[str]) -> list[Deal]:
    """Return the list of the deals in these stages."""
    return [one for batch in DealBatches(deals._connection).deals_in_stages(stage_ids) for one in batch]
