"""Deals read for lists, in batches, so that no whole list is in memory and no batch holds up other threads.

PyMongo decodes a batch with the interpreter's lock held. Each batch is fetched separately, and the lock is free while
MongoDB is asked for the next one.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import closing
from typing import Any

from pymongo.cursor import Cursor

from dealcache.model.deals import Deal
from dealcache.repositories.connection import Repository
from dealcache.repositories.documents import DEAL_PROJECTION, LIVE, Document
from dealcache.repositories.hints import exists, with_hint
from dealcache.repositories.lists.found_deals import sound_values
from dealcache.repositories.lists.indexes import SORTS
from dealcache.repositories.record_documents import DEALS, read_records

#: Deals in one batch. Decoding, converting and encoding 300 takes about a millisecond; each further query some 0.3.
BATCH_SIZE = 300

_INDEX = SORTS["created"].index
_NEWEST_CREATED_FIRST = [("create_date", -1), ("deal_id", 1)]

#: Together these two are :data:`LIVE`; only other systems write the second.
_PRESENT: Document = {"archived": False}
_ODD: Document = {"archived": {"$nin": [True, False]}}

#: What a list of all deals shows; ``owner`` and ``stage`` are labels of earlier versions.
_SHOWN = ("deal_id", "deal_name", "create_date", "pipeline_id", "stage_id", "owner_id", "stage", "owner")
_PROJECTION = {"_id": 0, "activities.count": 1, "hubspot_updated_at": 1} | dict.fromkeys(_SHOWN, 1)


class DealBatches(Repository):
    """Reads deals for lists, newest created first.

    Closing a generator before its end releases MongoDB's cursor.
    """

    def all_deals(self) -> Generator[list[Document], None, None]:
        """Yield all live deals as documents, see :func:`.sound_values`; ``activities`` is None if it cannot be read."""
        # The index is in this order only among deals with one value of ``archived``.
        with self._connection.operation() as database:
            has_odd = exists(database.deal_info, _ODD, _INDEX)
        condition, index = (LIVE, None) if has_odd else (_PRESENT, _INDEX)
        with closing(self._documents(condition, _PROJECTION, index)) as batches:
            for documents in batches:
                yield [sound_values(document, self._connection.unreadable) for document in documents]

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
