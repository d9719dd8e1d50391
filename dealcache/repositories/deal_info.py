"""The collection ``deal_info``: one document per deal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from dealcache.changes import Changes
from dealcache.deals import Deal, DealKey, name_key
from dealcache.repositories.connection import Connection
from dealcache.repositories.deal_writes import LIVE, archive, archive_all, follow_merges, merged_away, store_deals
from dealcache.repositories.documents import (
    DEAL_PROJECTION,
    Document,
    StoredDeal,
    milliseconds,
    read_all,
    to_stored_deal,
    utc,
)

_NEWEST_CREATED_FIRST = [("create_date", -1), ("deal_id", 1)]
_LONGEST_UNREAD_FIRST = [("associations_read_at", 1)]
_ID_ALONE = {"_id": 0, "deal_id": 1}


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

        The id of a deal that was merged into another one leads to that one, also when it was merged again.

        Args:
            key: an exact id, or a name as the reader wrote it.

        Returns:
            In no particular order: which of several is meant is the reader's decision. By id at most one.
        """
        if key.by == "name":
            return self._matching({"deal_name_key": name_key(key.value)})
        either = {"$or": [{"deal_id": key.value}, {"merged_ids": key.value}]}
        with self._connection.operation() as database:
            found = database.deal_info.find(either, DEAL_PROJECTION).to_list()
            live = [document for document in found if not document.get("archived")]
            if found and not live:
                live = follow_merges(database.deal_info, found, DEAL_PROJECTION)
        # While a merge is being stored, the deal that went and the one that it went into may both be there.
        live.sort(key=lambda document: document["deal_id"] == key.value)
        return read_all("deal_info", to_stored_deal, live[:1])

    def find_named(self, name_keys: Iterable[str]) -> dict[str, list[StoredDeal]]:
        """What :meth:`find` finds for many names, by one query.

        Args:
            name_keys: names in the form of :func:`dealcache.deals.name_key`.

        Returns:
            By that form; names that nobody knows are left out.
        """
        found: dict[str, list[StoredDeal]] = {}
        for stored in self._matching({"deal_name_key": {"$in": list(name_keys)}}):
            found.setdefault(name_key(stored.deal.deal_name), []).append(stored)
        return found

    def stored(self, deal_ids: Iterable[str]) -> dict[str, StoredDeal]:
        """The deals with these very ids as far as they are known, archived ones included, by id."""
        with self._connection.operation() as database:
            documents = database.deal_info.find({"deal_id": {"$in": list(deal_ids)}}, DEAL_PROJECTION).to_list()
        return {stored.deal.deal_id: stored for stored in read_all("deal_info", to_stored_deal, documents)}

    def all_deals(self) -> list[StoredDeal]:
        """All deals that are not archived, newest created first."""
        return self._matching({}, _NEWEST_CREATED_FIRST)

    def deals_in_stages(self, stage_ids: Iterable[str]) -> list[StoredDeal]:
        """The deals that stand in one of these stages and are not archived, newest created first."""
        return self._matching({"stage_id": {"$in": list(stage_ids)}}, _NEWEST_CREATED_FIRST)

    def _matching(self, condition: Document, order: Sequence[tuple[str, int]] = ()) -> list[StoredDeal]:
        with self._connection.operation() as database:
            documents = database.deal_info.find(condition | LIVE, DEAL_PROJECTION, sort=order or None).to_list()
        return read_all("deal_info", to_stored_deal, documents)

    def pipeline_summary(self) -> list[StageSummary]:
        """Deals and amounts by stage label, most deals first, then by label; archived deals are left out.

        Stages of the same label in several pipelines are one line, since people know them by the label; a stage whose
        label is unknown goes by its id.
        """
        stages: list[Document] = [
            {"$match": LIVE},
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

    def store(self, deals: Iterable[Deal], synced_at: datetime) -> Changes:
        """Write deals, each unless MongoDB holds a newer version of it; see :mod:`.newest_wins` for what is newer.

        The deals that were merged into them are archived, for good.

        Args:
            deals: as HubSpot gave them.
            synced_at: the time just before HubSpot was asked.

        Returns:
            The deals that are seen to have changed.
        """
        with self._connection.operation() as database:
            return store_deals(database.deal_info, deals, milliseconds(synced_at))

    def mark_archived(self, deal_ids: Iterable[str], at: datetime) -> Changes:
        """Note that HubSpot has these deals no longer. Deals that were read from it later than ``at`` stay as they are.

        Args:
            deal_ids: HubSpot's ids; unknown ones are ignored.
            at: the time just before HubSpot was asked.

        Returns:
            Those that were not archived before.
        """
        ids, moment = list(deal_ids), milliseconds(at)
        not_read_later: Document = {"synced_at": {"$not": {"$gt": moment}}}
        again = {"deal_id": {"$in": ids}, "archived": True} | not_read_later
        with self._connection.operation() as database:
            changes = archive(database.deal_info, ids, moment, not_read_later)
            database.deal_info.update_many(again, {"$set": {"synced_at": moment}})
        return changes

    def archive_unseen(self, since: datetime) -> Changes:
        """Archive every deal that was not seen at HubSpot since then: the end of a complete load.

        Args:
            since: the time just before the load's first call.

        Returns:
            Those that were not archived before.
        """
        moment = milliseconds(since)
        with self._connection.operation() as database:
            return archive_all(database.deal_info, {"synced_at": {"$lt": moment}}, moment)

    def archived_since(self, moment: datetime) -> list[str]:
        """The ids of the deals that were first found archived at ``moment`` or later, without those merged away."""
        recently = {"archived": True, "archived_at": {"$gte": milliseconds(moment)}}
        with self._connection.operation() as database:
            ids = _ids_of(database.deal_info.find(recently, _ID_ALONE))
            merged = merged_away(database.deal_info, ids)
        return [deal_id for deal_id in ids if deal_id not in merged]

    def ids_in_stages(self, stage_ids: Iterable[str]) -> list[str]:
        """The ids of the deals that stand in one of these stages and are not archived."""
        with self._connection.operation() as database:
            return _ids_of(database.deal_info.find({"stage_id": {"$in": list(stage_ids)}} | LIVE, _ID_ALONE))

    def live_count(self) -> int:
        """How many deals are not archived."""
        with self._connection.operation() as database:
            return database.deal_info.count_documents(LIVE)

    def stalest(self, limit: int, closed_stage_ids: Iterable[str], older_than: datetime) -> list[str]:
        """The deals whose associations are to be read again first; answered from an index.

        Args:
            limit: at most how many.
            closed_stage_ids: the stages whose deals come after all others.
            older_than: deals whose associations were read then or later are left out.

        Returns:
            Ids of deals that are not archived: those in open stages first, and within each group those never read,
            then the longest unread.
        """
        closed = list(closed_stage_ids)
        due = {"associations_read_at": {"$not": {"$gte": milliseconds(older_than)}}} | LIVE
        ids: list[str] = []
        with self._connection.operation() as database:
            for stages in ({"$nin": closed}, {"$in": closed}):
                if len(ids) == limit:  # a limit of 0 would mean none
                    break
                group = database.deal_info.find(due | {"stage_id": stages}, _ID_ALONE, sort=_LONGEST_UNREAD_FIRST)
                ids += _ids_of(group.limit(limit - len(ids)))
        return ids

    def timelines_synced_at(self, deal_ids: Iterable[str]) -> dict[str, datetime]:
        """When HubSpot was asked for the events that MongoDB holds of each deal; those never asked for are left out."""
        projection = {"_id": 0, "deal_id": 1, "timeline_synced_at": 1}
        with self._connection.operation() as database:
            found = database.deal_info.find({"deal_id": {"$in": list(deal_ids)}}, projection).to_list()
        moments = ((document["deal_id"], utc(document.get("timeline_synced_at"))) for document in found)
        return {deal_id: moment for deal_id, moment in moments if moment is not None}

    def synced_since(self, moment: datetime, size: int) -> Iterator[dict[datetime, list[str]]]:
        """The deals that are not archived and whose events are complete as of ``moment`` or later.

        Args:
            moment: the earliest time that counts.
            size: how many deals come at once.

        Yields:
            Their ids, by the time as of which their events are complete.
        """
        recently = {"timeline_synced_at": {"$gte": milliseconds(moment)}} | LIVE
        projection = {"_id": 1, "deal_id": 1, "timeline_synced_at": 1}
        last: Document = {}
        while True:
            with self._connection.operation() as database:
                found = database.deal_info.find(recently | last, projection, sort=[("_id", 1)], limit=size).to_list()
            if not found:
                return
            last = {"_id": {"$gt": found[-1]["_id"]}}
            by_time: dict[datetime, list[str]] = {}
            for document in found:
                by_time.setdefault(document["timeline_synced_at"].replace(tzinfo=UTC), []).append(document["deal_id"])
            yield by_time

    def note_timelines_synced(self, deal_ids: Iterable[str], at: datetime) -> None:
        """Note that the events of these deals are complete as of ``at``, unless they already are as of a later time.

        Args:
            deal_ids: HubSpot's ids.
            at: the time just before HubSpot was asked for them.
        """
        moment = milliseconds(at)
        self._raise_dates(deal_ids, {"timeline_synced_at": moment, "associations_read_at": moment})

    def note_associations_read(self, deal_ids: Iterable[str], at: datetime) -> None:
        """Note that HubSpot was asked at ``at``, or later, which activities these deals have."""
        self._raise_dates(deal_ids, {"associations_read_at": milliseconds(at)})

    def _raise_dates(self, deal_ids: Iterable[str], dates: Document) -> None:
        with self._connection.operation() as database:
            database.deal_info.update_many({"deal_id": {"$in": list(deal_ids)}}, {"$max": dates})


def _ids_of(found: Iterable[Document]) -> list[str]:
    return [document["deal_id"] for document in found]
