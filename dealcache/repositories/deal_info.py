"""The collection ``deal_info``: one document per deal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from pymongo import ReturnDocument

from dealcache.deals import Deal, DealKey, name_key
from dealcache.repositories.connection import Connection
from dealcache.repositories.documents import (
    DEAL_PROJECTION,
    Document,
    StoredDeal,
    deal_fields,
    milliseconds,
    read_all,
    to_stored_deal,
    utc,
)
from dealcache.repositories.newest_wins import newest_wins, write_all

_LIVE = {"archived": {"$ne": True}}
_NEWEST_CREATED_FIRST = [("create_date", -1), ("deal_id", 1)]


@dataclass(frozen=True, slots=True)
class StageSummary:
    """How many deals stand in a stage, and the sum of their amounts. ``stage`` is None for deals without a stage."""

    stage: str | None
    count: int
    amount: float


class DealInfoRepository:
    """Reads and writes deals. Every method raises StoreError or StoreUnavailable when MongoDB fails.

    Args:
        connection: the database.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, key: DealKey) -> list[StoredDeal]:
        """The deal with that id, or all deals of that name in any case; archived ones are left out.

        Args:
            key: an exact id, or a name as the reader wrote it.

        Returns:
            In no particular order: which of several is meant is the reader's decision.
        """
        if key.by == "id":
            return self._matching({"deal_id": key.value})
        return self._matching({"deal_name_key": name_key(key.value)})

    def all_deals(self) -> list[StoredDeal]:
        """All deals that are not archived, newest created first."""
        return self._matching({}, _NEWEST_CREATED_FIRST)

    def deals_in_stages(self, stage_ids: Iterable[str]) -> list[StoredDeal]:
        """The deals that stand in one of these stages and are not archived, newest created first."""
        return self._matching({"stage_id": {"$in": list(stage_ids)}}, _NEWEST_CREATED_FIRST)

    def _matching(self, condition: Document, order: Sequence[tuple[str, int]] = ()) -> list[StoredDeal]:
        with self._connection.operation() as database:
            documents = database.deal_info.find(condition | _LIVE, DEAL_PROJECTION, sort=order or None).to_list()
        return read_all("deal_info", to_stored_deal, documents)

    def pipeline_summary(self) -> list[StageSummary]:
        """Deals and amounts by stage label, most deals first, then by label; archived deals are left out.

        Stages of the same label in several pipelines are one line, since people know them by the label; a stage whose
        label is unknown goes by its id.
        """
        stages: list[Document] = [
            {"$match": _LIVE},
            {
                "$group": {
                    "_id": {"$ifNull": ["$stage", "$stage_id"]},
                    "count": {"$sum": 1},
                    "amount": {"$sum": "$amount"},
                }
            },
            {"$sort": {"count": -1, "_id": 1}},
        ]
        with self._connection.operation() as database:
            groups = database.deal_info.aggregate(stages).to_list()
        return [StageSummary(group["_id"], group["count"], float(group["amount"])) for group in groups]

    def upsert(self, deals: Iterable[Deal], synced_at: datetime) -> None:
        """Write deals, each unless MongoDB holds a newer version of it; see :mod:`.newest_wins` for what is newer.

        Args:
            deals: as HubSpot gave them.
            synced_at: the time just before HubSpot was asked.
        """
        updates = [newest_wins(["deal_id"], deal_fields(deal), synced_at) for deal in deals]
        with self._connection.operation() as database:
            write_all(database.deal_info, updates, updates.__getitem__)

    def mark_archived(self, deal_ids: Iterable[str], at: datetime) -> None:
        """Note that HubSpot has these deals no longer. Deals that were read from it later than ``at`` stay as they are.

        Args:
            deal_ids: HubSpot's ids; unknown ones are ignored.
            at: the time just before HubSpot was asked.
        """
        not_read_later = {"deal_id": {"$in": list(deal_ids)}, "synced_at": {"$not": {"$gt": at}}}
        with self._connection.operation() as database:
            database.deal_info.update_many(not_read_later, {"$set": {"archived": True, "synced_at": at}})

    def timeline_synced_at(self, deal_id: str) -> datetime | None:
        """When HubSpot was asked for the events that MongoDB holds of this deal; None: never, or no such deal."""
        with self._connection.operation() as database:
            document = database.deal_info.find_one({"deal_id": deal_id}, {"_id": 0, "timeline_synced_at": 1})
        return utc((document or {}).get("timeline_synced_at"))

    def note_timeline_synced(self, deal_id: str, at: datetime) -> datetime:
        """Note that the events of this deal are complete as of ``at``, unless they already are as of a later time.

        Args:
            deal_id: HubSpot's id.
            at: the time just before HubSpot was asked for them.

        Returns:
            As of when they are complete now: ``at``, in milliseconds, or later.
        """
        with self._connection.operation() as database:
            document = database.deal_info.find_one_and_update(
                {"deal_id": deal_id},
                {"$max": {"timeline_synced_at": at}},
                {"_id": 0, "timeline_synced_at": 1},
                return_document=ReturnDocument.AFTER,
            )
        return utc((document or {}).get("timeline_synced_at")) or milliseconds(at)
