"""Deals read for lists, in batches, so that no whole list is in memory and no batch holds up other threads.

PyMongo decodes a batch with the interpreter's lock held. Each batch is fetched separately, and the lock is free while
MongoDB is asked for the next one.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import closing
from datetime import datetime
from typing import Any, NamedTuple

from pymongo.cursor import Cursor

from dealcache.model.deals import Deal
from dealcache.model.unreadable import UnreadableRecords
from dealcache.repositories.connection import Repository
from dealcache.repositories.documents import DEAL_PROJECTION, LIVE, Document
from dealcache.repositories.hints import exists, with_hint
from dealcache.repositories.json_values import number_value
from dealcache.repositories.lists.indexes import SORTS
from dealcache.repositories.record_documents import DEALS, read_deal, read_records

#: Deals in one batch. Decoding, converting and encoding 300 takes about a millisecond; each further query some 0.3.
BATCH_SIZE = 300

_INDEX = SORTS["created"].index
_NEWEST_CREATED_FIRST = [("create_date", -1), ("deal_id", 1)]

#: Together these two are :data:`LIVE`; only other systems write the second.
_PRESENT: Document = {"archived": False}
_ODD: Document = {"archived": {"$nin": [True, False]}}

#: What a list of all deals shows; ``owner`` and ``stage`` are labels of earlier versions.
_SHOWN = ("deal_id", "deal_name", "create_date", "pipeline_id", "stage_id", "owner_id", "stage", "owner")
_PROJECTION = {"_id": 0, "activities.count": 1} | dict.fromkeys(_SHOWN, 1)

#: Replaces a date that is not shown, and so was not read.
_NOT_READ = {"hubspot_updated_at": datetime(1970, 1, 1)}  # naive, as the driver gives dates here


class ListedDeal(NamedTuple):
    """A deal in a list of all deals; ``create_date`` is naive, in UTC, and ``activities`` None if they are unknown.

    A tuple without checks of its own, because a hundred thousand are made for one answer.
    """

    deal_id: str
    deal_name: str
    create_date: datetime | None
    pipeline_id: str | None
    stage_id: str | None
    owner_id: str | None
    former_stage: str | None
    former_owner: str | None
    activities: int | None


class DealBatches(Repository):
    """Reads deals for lists, newest created first.

    Closing a generator before its end releases MongoDB's cursor.
    """

    def all_deals(self) -> Generator[list[ListedDeal], None, None]:
        """Yield all live deals."""
        # The index is in this order only among deals with one value of ``archived``.
        with self._connection.operation() as database:
            has_odd = exists(database.deal_info, _ODD, _INDEX)
        condition, index = (LIVE, None) if has_odd else (_PRESENT, _INDEX)
        with closing(self._documents(condition, _PROJECTION, index)) as batches:
            for documents in batches:
                yield listed_deals(documents, self._connection.unreadable)

    def deals_in_stages(self, stage_ids: Iterable[str]) -> Generator[list[Deal], None, None]:
        """Yield the live deals in one of these stages."""
        condition = {"stage_id": {"$in": list(stage_ids)}} | LIVE
        with closing(self._documents(condition, DEAL_PROJECTION)) as batches:
            for documents in batches:
                yield [stored.deal for stored in read_records(DEALS, documents, self._connection.unreadable)]

    def _documents(
        self, condition: Document, projection: Document, index: str | None = None
    ) -> Generator[list[Document], None, None]:
        """Yield documents with naive dates, which are decoded faster.

        Args:
            condition: which documents.
            projection: which of their fields.
            index: the name of the index that brings them in this order, if MongoDB needs a hint.
        """

        def ask(**hint: Any) -> tuple[Cursor[Document], list[Document]]:
            deals = self._connection.naive.deal_info
            cursor = deals.find(condition, projection, sort=_NEWEST_CREATED_FIRST, batch_size=BATCH_SIZE, **hint)
            return cursor, cursor.to_list(BATCH_SIZE)

        with self._connection.operation():
            cursor, documents = ask() if index is None else with_hint(ask, index)
        with closing(cursor):
            while documents:
                yield documents
                with self._connection.operation():
                    documents = cursor.to_list(BATCH_SIZE)


def listed_deals(documents: Iterable[Document], unreadable: UnreadableRecords) -> list[ListedDeal]:
    """Return documents as deals; those not written by this service are read as far as possible."""
    deals: list[ListedDeal] = []
    for document in documents:
        try:
            get = document.get
            deal = ListedDeal(
                document["deal_id"],
                document["deal_name"],
                document["create_date"],
                document["pipeline_id"],
                document["stage_id"],
                document["owner_id"],
                get("stage"),
                get("owner"),
                get("activities", _NOT_COUNTED)["count"],
            )
            deals.append(deal if _is_sound(deal) else _mended(document, unreadable))
        except (KeyError, TypeError):
            deals.append(_mended(document, unreadable))
    return deals


#: Activities of a deal that no list has shown yet; only a deal whose events are incomplete may lack them.
_NOT_COUNTED = {"count": 0}

_TEXT_OR_NONE = frozenset((str, type(None)))
_DATE_OR_NONE = frozenset((datetime, type(None)))


def _is_sound(deal: ListedDeal) -> bool:
    deal_id, name, created, pipeline_id, stage_id, owner_id, stage, owner, activities = deal
    return (
        type(deal_id) is type(name) is str
        and type(created) in _DATE_OR_NONE
        and type(pipeline_id) in _TEXT_OR_NONE
        and type(stage_id) in _TEXT_OR_NONE
        and type(owner_id) in _TEXT_OR_NONE
        and type(stage) in _TEXT_OR_NONE
        and type(owner) in _TEXT_OR_NONE
        and type(activities) is int
    )


def _mended(document: Document, unreadable: UnreadableRecords) -> ListedDeal:
    stored, faults = read_deal(document | _NOT_READ)
    activities = document.get("activities", _NOT_COUNTED)
    count = number_value(activities.get("count")) if isinstance(activities, dict) else None
    if count is None:
        faults.append("activities")
    if faults:
        kind, deal_id = DEALS.identify(document)
        unreadable.note(kind, deal_id, f"its document in MongoDB is damaged: {', '.join(faults)}")
    deal = stored.deal
    return ListedDeal(
        deal.deal_id,
        deal.deal_name,
        None if deal.create_date is None else deal.create_date.replace(tzinfo=None),
        deal.pipeline_id,
        deal.stage_id,
        deal.owner_id,
        deal.stage,
        deal.owner,
        None if count is None else int(count),
    )
