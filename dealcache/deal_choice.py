"""Which deal a name means: names are not unique, neither in HubSpot nor in MongoDB."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from dealcache.deals import Deal, name_key


def choose_deal(name: str, candidates: Iterable[Deal]) -> tuple[Deal, tuple[Deal, ...]] | None:
    """Choose among deals whose names may match ``name``.

    A deal counts when its name is ``name`` but for case and blanks around it, and when it is not archived. Among those
    a name in the very same case wins, then the most recent change, then the highest id.

    Args:
        name: as the reader wrote it.
        candidates: the deals to choose from; one that is there twice counts once.

    Returns:
        The deal and the others of that name, best first; None when there is none.
    """
    key = name_key(name)
    matching = {deal.deal_id: deal for deal in candidates if name_key(deal.deal_name) == key and not deal.archived}
    if not matching:
        return None
    first, *others = sorted(matching.values(), key=lambda deal: _rank(name.strip(), deal), reverse=True)
    return first, tuple(others)


def _rank(name: str, deal: Deal) -> tuple[bool, datetime, int, str]:
    # Ids are digits without leading zeros: the longer one is the higher, and so is the later one of equal length.
    return (deal.deal_name.strip() == name, deal.hubspot_updated_at, len(deal.deal_id), deal.deal_id)
