"""Parts of a deal that HubSpot refused while it returned the rest: types of activities, or parts of this deal alone.

A deal has the types in ``unread_types``, and in ``partly_synced_at`` the time as of which the others are complete, if
they were read whole; ``partly_as_of`` is to that what ``complete_as_of`` is to ``timeline_synced_at``. These fields are
removed as soon as nothing is missing. A deal of which a sync could not read a part has ``missed_at``, until it is read
whole.

The watermark of the syncs no longer counts for either kind of deal, so its value is first stored with the deal.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from pymongo.database import Database

from dealcache.repositories.connection import Repository
from dealcache.repositories.documents import (
    LIVE,
    SUMMED,
    UNREAD_FIELDS,
    Document,
    any_date,
    ids_of,
    milliseconds,
    texts_in,
)
from dealcache.repositories.lists.version import changing
from dealcache.repositories.sync.state import ACCOUNT

_NEVER = datetime.min.replace(tzinfo=UTC)


class Confirmed(NamedTuple):
    """The time as of which the events of deals are complete, and the types of activities of which they are not."""

    at: datetime
    unread: tuple[str, ...]


class MissingTypeRepository(Repository):
    """Reads and writes these fields."""

    def deals(self) -> dict[tuple[str, ...], list[str]]:
        """Return the live deals with unread types, by these types; answered from an index."""
        condition = {"unread_types": {"$exists": True}} | LIVE
        found: dict[tuple[str, ...], list[str]] = {}
        projection = {"_id": 0, "deal_id": 1, "unread_types": 1}
        for document in self._find("deal_info", condition, projection, sort=[("deal_id", 1)]):
            for deal_id in ids_of([document]):
                found.setdefault(_types_in(document), []).append(deal_id)
        return found

    def partly_synced(self, deal_ids: Iterable[str]) -> set[str]:
        """Return those of these deals that were read whole except for some types."""
        condition = {"deal_id": {"$in": list(deal_ids)}, "partly_synced_at": {"$exists": True}}
        return set(ids_of(self._find("deal_info", condition, {"_id": 0, "deal_id": 1})))

    def note_unread(self, deal_ids: Iterable[str], types: Iterable[str], at: datetime) -> None:
        """Note that some types could not be read, for deals whose other types were known to be complete before.

        Args:
            deal_ids: HubSpot's ids.
            types: the object names of the activities.
            at: the time just before HubSpot was asked. A deal that was read whole since then stays as it is.
        """
        self._note(deal_ids, at, {"$addToSet": {"unread_types": {"$each": sorted(types)}}})

    def note_partly_synced(
        self, deal_ids: Iterable[str], types: Iterable[str], at: datetime, as_of: datetime | None = None
    ) -> None:
        """Note that deals were read whole except for some types; see :meth:`note_unread`.

        Args:
            deal_ids: HubSpot's ids.
            types: the object names of the activities.
            at: the time just before HubSpot was asked.
            as_of: the time just before the first of these reads; ``at`` unless given.
        """
        dates = {"partly_synced_at": milliseconds(at), "partly_as_of": milliseconds(as_of or at)}
        self._note(deal_ids, at, {"$set": {"unread_types": sorted(types)} | dates})

    def note_missed(self, deal_ids: Iterable[str], at: datetime) -> None:
        """Note that parts of some deals could not be read; see :meth:`note_unread`."""
        self._note(deal_ids, at, {"$set": {"missed_at": milliseconds(at)}}, {})

    def _note(self, deal_ids: Iterable[str], at: datetime, change: Document, reading: Document | None = None) -> None:
        moment = milliseconds(at)
        meant = {"deal_id": {"$in": list(deal_ids)}, "timeline_synced_at": {"$not": {"$gte": moment}}}
        raised = {"$max": {"associations_read_at": moment}} if reading is None else reading
        with self._connection.operation() as database:
            _keep_watermark(database, meant, moment)
            database.deal_info.update_many(meant, change | raised)

    def note_read(self, deal_ids: Iterable[str], types: Iterable[str]) -> None:
        """Note that these types have now been read whole. A deal of which nothing else is missing is complete."""
        ids = {"deal_id": {"$in": list(deal_ids)}}
        complete: Document = {
            "timeline_synced_at": {"$max": ["$timeline_synced_at", "$partly_synced_at"]},
            "complete_as_of": {"$max": ["$complete_as_of", "$partly_as_of"]},
        }
        with self._connection.operation() as database, changing(database) as change:
            if database.deal_info.find_one(ids | {"timeline_synced_at": None}, {"_id": 1}):
                change.begin()
            known = ids | {"unread_types": {"$exists": True}}
            database.deal_info.update_many(known, {"$pullAll": {"unread_types": sorted(types)}})
            nothing_missing: Document = ids | {"unread_types": []}
            database.deal_info.update_many(nothing_missing, [{"$set": complete}, {"$unset": [SUMMED, *UNREAD_FIELDS]}])


def confirmed(document: Document) -> Confirmed:
    """Return the time as of which a deal's events are complete, even if for some types, if that is later."""
    whole, partly = (any_date(document.get(name)) for name in ("timeline_synced_at", "partly_synced_at"))
    if partly is None or (whole is not None and whole >= partly):
        return Confirmed(whole or _NEVER, ())
    return Confirmed(partly, _types_in(document))


def _keep_watermark(database: Database[Document], meant: Document, present: datetime) -> None:
    """Store the watermark with deals that syncs have kept up to date so far."""
    state = database.sync_state.find_one(ACCOUNT, {"watermark": 1}) or {}
    watermark = any_date(state.get("watermark"))
    if watermark is None or watermark > present:
        return
    followed = {"timeline_synced_at": {"$type": "date"}, "unread_types": None, "missed_at": None}
    known = {"$ifNull": ["$complete_as_of", "$timeline_synced_at"]}
    later = [{"$set": {"complete_as_of": {"$max": [known, watermark]}}}]
    database.deal_info.update_many({"$and": [meant, followed]}, later)


def _types_in(document: Document) -> tuple[str, ...]:
    return tuple(sorted(texts_in(document.get("unread_types"))))
