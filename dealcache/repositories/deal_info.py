"""The collection ``deal_info``: one document per deal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

import pymongo
from pymongo.database import Database

from dealcache.model.deals import DealKey, name_key, stored_name_keys
from dealcache.model.labels import LabelChanges
from dealcache.repositories.connection import SCAN_SECONDS, Connection
from dealcache.repositories.deal_properties import StoredProperties
from dealcache.repositories.deal_summaries.settling import DealSummaries
from dealcache.repositories.documents import (
    DEAL_PROJECTION,
    LIVE,
    OUTDATED_FIELDS,
    Document,
    StoredDeal,
    any_date,
    ids_of,
    milliseconds,
)
from dealcache.repositories.missing_types import Confirmed, confirmed
from dealcache.repositories.record_documents import DEALS, read_records
from dealcache.repositories.stage_times import STAGE_TIMES
from dealcache.repositories.writes.deals import DealWriter, merged_away

_LONGEST_UNREAD_FIRST = [("associations_read_at", 1)]
_ID_ALONE = {"_id": 0, "deal_id": 1}


class DealInfoRepository(DealWriter):
    """Reads deals, and writes them as a :class:`.DealWriter`.

    Args:
        summaries: counts the events of deals that become complete.
        properties: converts the own properties of deals.
        home_currency: returns the company's currency, None while it is not known.
    """

    def __init__(
        self,
        connection: Connection,
        summaries: DealSummaries | None = None,
        properties: StoredProperties | None = None,
        home_currency: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._summaries = summaries or DealSummaries(connection)
        super().__init__(connection, self._summaries.marks, properties or StoredProperties(), home_currency)
        self._projection = DEAL_PROJECTION | STAGE_TIMES | self._properties.projection

    def find(self, key: DealKey) -> list[StoredDeal]:
        """Return the deal with that id, or all deals of that name in any case; archived ones are left out.

        The id of a deal that was merged into another one leads to that one, over any number of merges. Deals of one
        name are in no particular order: choosing among them is up to the caller.
        """
        if key.by == "name":
            return self._named([key.value])
        either = {"$or": [{"deal_id": key.value}, {"merged_ids": key.value}]}
        with self._connection.operation() as database:
            found = database.deal_info.find(either, self._projection).to_list()
            live = [document for document in found if not document.get("archived")]
            if found and not live:
                live = self._follow_merges(database, found)
        # While a merge is being stored, the merged deal and its target may both be found.
        live.sort(key=lambda document: document.get("deal_id") == key.value)
        return self._read(live[:1])

    def _follow_merges(self, database: Database[Document], found: Sequence[Document]) -> list[Document]:
        """Return the live deals that the archived ones in ``found`` were merged into, over any number of merges."""
        known: set[str] = set()
        while found:
            ids = set(ids_of(found)) - known
            known |= ids
            merged_into = {"merged_ids": {"$in": list(ids)}}
            found = database.deal_info.find(merged_into, self._projection).to_list() if ids else []
            live = [document for document in found if not document.get("archived")]
            if live:
                return live
        return []

    def find_named(self, names: Iterable[str]) -> dict[str, list[StoredDeal]]:
        """Return what :meth:`find` finds for many names, by ``name_key``; unknown names are left out."""
        found: dict[str, list[StoredDeal]] = {}
        for stored in self._named(names):
            found.setdefault(name_key(stored.deal.deal_name), []).append(stored)
        return found

    def _named(self, names: Iterable[str]) -> list[StoredDeal]:
        keys = {key for name in names for key in stored_name_keys(name)}
        condition: Document = {"deal_name_key": keys.pop() if len(keys) == 1 else {"$in": sorted(keys)}}
        return self._read(self._find("deal_info", condition | LIVE, self._projection))

    def stored(self, deal_ids: Iterable[str]) -> dict[str, StoredDeal]:
        """Return the known deals with exactly these ids, archived ones included, by id."""
        documents = self._find("deal_info", {"deal_id": {"$in": list(deal_ids)}}, self._projection)
        return {stored.deal.deal_id: stored for stored in self._read(documents)}

    def _read(self, documents: Iterable[Document]) -> list[StoredDeal]:
        return read_records(DEALS, documents, self._connection.unreadable)

    def ids_showing(self, changes: LabelChanges, most: int) -> list[str]:
        """Return the ids of live deals that show a changed label, ``most`` at most."""
        ids = {"owner_id": changes.owner_ids, "stage_id": changes.stage_ids, "pipeline_id": changes.pipeline_ids}
        shown: Document = {"$or": [{name: {"$in": list(some)}} for name, some in ids.items()]}
        with pymongo.timeout(SCAN_SECONDS):
            return self._live_ids(shown, most)

    def _live_ids(self, condition: Document, limit: int = 0) -> list[str]:
        return ids_of(self._find("deal_info", condition | LIVE, _ID_ALONE, limit=limit))

    def archived_since(self, moment: datetime) -> list[str]:
        """Return the ids of deals first found archived at ``moment`` or later, without those merged away."""
        recently = {"archived": True, "archived_at": {"$gte": milliseconds(moment)}}
        with self._connection.operation() as database:
            ids = ids_of(database.deal_info.find(recently, _ID_ALONE))
            merged = merged_away(database.deal_info, ids)
        return [deal_id for deal_id in ids if deal_id not in merged]

    def ids_in_stages(self, stage_ids: Iterable[str]) -> list[str]:
        """Return the ids of the live deals in one of these stages."""
        return self._live_ids({"stage_id": {"$in": list(stage_ids)}})

    def some_ids(self, limit: int, other_than: Iterable[str]) -> list[str]:
        """Return the ids of at most ``limit`` live deals, none of ``other_than``."""
        return self._live_ids({"deal_id": {"$nin": list(other_than)}}, limit)

    def live_count(self) -> int:
        """Return the number of live deals."""
        with self._connection.operation() as database:
            return database.deal_info.count_documents(LIVE)

    def stalest(self, limit: int, closed_stage_ids: Iterable[str], older_than: datetime) -> list[str]:
        """Return the ids of the live deals whose associations are due first to be read again; answered from an index.

        Deals in open stages come first, and within each group those never read, then the longest unread. A quarter is
        reserved for those in closed stages, so that their turn comes too.

        Args:
            limit: at most how many.
            closed_stage_ids: the closed stages.
            older_than: deals whose associations were read then or later are left out.
        """
        closed = list(closed_stage_ids)
        due = {"associations_read_at": {"$not": {"$gte": milliseconds(older_than)}}} | LIVE
        with self._connection.operation() as database:

            def longest_unread(stages: Document, most: int) -> list[str]:
                group = database.deal_info.find(due | {"stage_id": stages}, _ID_ALONE, sort=_LONGEST_UNREAD_FIRST)
                return ids_of(group.limit(most)) if most else []  # a limit of 0 would mean none

            in_open = longest_unread({"$nin": closed}, limit)
            in_closed = longest_unread({"$in": closed}, limit - min(len(in_open), limit - limit // 4))
        return in_open[: limit - len(in_closed)] + in_closed

    def timelines_synced_at(self, deal_ids: Iterable[str]) -> dict[str, datetime]:
        """Return when HubSpot was asked for each deal's stored events; deals never asked for are left out."""
        projection = {"_id": 0, "deal_id": 1, "timeline_synced_at": 1}
        found = self._find("deal_info", {"deal_id": {"$in": list(deal_ids)}}, projection)
        moments = ((document["deal_id"], any_date(document.get("timeline_synced_at"))) for document in found)
        return {deal_id: moment for deal_id, moment in moments if moment is not None}

    def synced_since(self, moment: datetime, size: int) -> Iterator[dict[Confirmed, list[str]]]:
        """Yield ``size`` live deals at a time whose events are complete as of ``moment`` or later, but for some types.

        Their ids are grouped by the time as of which the events are complete, and the types of which they are not.
        """
        since = {"$gte": milliseconds(moment)}
        recently = {"$or": [{"timeline_synced_at": since}, {"partly_synced_at": since}]} | LIVE
        projection = dict.fromkeys(("deal_id", "timeline_synced_at", "partly_synced_at", "unread_types"), 1)
        last: Document = {}
        while True:
            found = self._find("deal_info", recently | last, projection, sort=[("_id", 1)], limit=size)
            if not found:
                return
            last = {"_id": {"$gt": found[-1]["_id"]}}
            by_time: dict[Confirmed, list[str]] = {}
            for document in found:
                for deal_id in ids_of([document]):
                    by_time.setdefault(confirmed(document), []).append(deal_id)
            yield by_time

    def note_timelines_synced(
        self, deal_ids: Iterable[str], at: datetime, unread: Iterable[str] = (), as_of: datetime | None = None
    ) -> None:
        """Note that the events of these deals are complete as of ``at``, unless they already are as of a later time.

        Args:
            deal_ids: HubSpot's ids.
            at: the time just before HubSpot was asked for the events.
            unread: the deals with activities that could not be read: syncs read them again before others.
            as_of: the time just before the first of what was read of them and of their activities; ``at`` unless given.
        """
        moment, again = milliseconds(at), set(unread)
        dates: Document = {"timeline_synced_at": moment, "complete_as_of": milliseconds(as_of or at)}
        ids = set(deal_ids)
        self._complete(ids & again, dates)
        self._complete(ids - again, dates | {"associations_read_at": moment})

    def _complete(self, deal_ids: set[str], dates: Document) -> None:
        """Raise dates; those of deals that become complete when their events are counted."""
        if deal_ids and (rest := deal_ids - self._summaries.complete(deal_ids, dates)):
            change = {"$max": dates, "$unset": dict.fromkeys(OUTDATED_FIELDS, "")}
            with self._connection.operation() as database:
                database.deal_info.update_many({"deal_id": {"$in": list(rest)}}, change)

    def note_associations_read(self, deal_ids: Iterable[str], at: datetime) -> None:
        """Note that HubSpot was asked for these deals' associations at ``at``."""
        if ids := list(deal_ids):
            with self._connection.operation() as database:
                read = {"$max": {"associations_read_at": milliseconds(at)}}
                database.deal_info.update_many({"deal_id": {"$in": ids}}, read)
