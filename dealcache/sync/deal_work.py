"""Reads deals from HubSpot and stores them, without their activities."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from dealcache.changes import Changes
from dealcache.deals import Deal
from dealcache.sync.desk import Desk


@dataclass(frozen=True, slots=True)
class StoredPage:
    """The ids of a page of deals that were stored, and where the next page starts; None after the last."""

    deal_ids: list[str]
    after: str | None


@dataclass(frozen=True, slots=True)
class StoredBatch:
    """What became of a batch of ids: the deals that HubSpot has, and those of them never completely read before."""

    deals: list[Deal]
    incomplete: frozenset[str]

    @property
    def deal_ids(self) -> list[str]:
        """The ids of the deals that HubSpot has."""
        return [deal.deal_id for deal in self.deals]


class DealWork:
    """What the crew does about deals; its methods run in any thread.

    Args:
        desk: the job's parts.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def list_page(self, after: str | None) -> StoredPage:
        """Store the next page of all deals."""
        read_at = self._desk.now()
        page = self._desk.source.list_deals(after)
        self._store(page.deals, read_at)
        return StoredPage([deal.deal_id for deal in page.deals], page.after)

    def read_batch(self, ids: Sequence[str]) -> StoredBatch:
        """Store the deals with these ids, at most 100, and note which of them HubSpot has no longer.

        A search index that is behind shows deals that were archived or merged since; read by id they are as they are.
        """
        read_at = self._desk.now()
        deals = self._desk.source.read_deals(ids)
        self._store(deals, read_at)
        alive = {deal.deal_id for deal in deals}
        gone = [one for one in ids if one not in alive]
        if gone:
            self._desk.ledger.changed(self._desk.deals.mark_archived(gone, read_at))
        known = self._desk.deals.stored(alive)
        complete = {one for one, stored in known.items() if stored.timeline_synced_at is not None}
        return StoredBatch(deals, frozenset(alive - complete))

    def _store(self, deals: Iterable[Deal], read_at: datetime) -> None:
        found = list(deals)
        changes = self._desk.deals.store(found, read_at)
        for deal in found:
            if deal.merged_ids:
                changes.add(self._adopted(deal))
        self._desk.ledger.deals_written(len(found))
        self._desk.ledger.changed(changes)

    def _adopted(self, deal: Deal) -> Changes:
        """The events of the deals merged into ``deal`` become its own, with all that others wrote to them."""
        return self._desk.timelines.adopt(deal.deal_id, deal.merged_ids)
