"""The collections ``stats_questions`` and ``stats_answers``: workers ask each other what their caches hold.

A question is one document for each worker that is asked. Who finds one with his name takes it away and leaves an
answer, which the asker takes in turn. Nothing here is worth more than the second in which somebody waits for it: writes
are acknowledged by one server without its journal, and what nobody came for is removed by an index.
"""

from __future__ import annotations

from collections.abc import Collection as Names
from collections.abc import Iterable, Mapping
from typing import Any

import pymongo
from pymongo import ReadPreference, UpdateOne, WriteConcern
from pymongo.collection import Collection
from pymongo.database import Database

from dealcache.repositories.connection import Connection
from dealcache.repositories.documents import Document, read_all

#: Seconds for one operation: as long as an asker has patience at all.
_SECONDS = 1.0

_AT_ONCE = WriteConcern(w=1, j=False)


class StatsExchange:
    """Reads and writes both. Every method raises StoreError or StoreUnavailable when MongoDB fails.

    Args:
        connection: the database.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def ask(self, question: str, owners: Iterable[str]) -> None:
        """Put a question.

        Args:
            question: its id, which no other question has.
            owners: of the workers that are asked, one at least.
        """
        asked = [
            UpdateOne(
                {"_id": f"{question}:{owner}"},
                {"$set": {"question": question, "owner": owner}, "$currentDate": {"asked_at": True}},
                upsert=True,
            )
            for owner in owners
        ]
        with self._connection.operation() as database, pymongo.timeout(_SECONDS):
            _questions(database).bulk_write(asked, ordered=False)

    def take(self, owner: str) -> str | None:
        """The id of a question to the worker ``owner``, which nobody else gets any more; None when there is none."""
        with self._connection.operation() as database, pymongo.timeout(_SECONDS):
            questions = _questions(database)
            # A look first: it comes several times a second, nearly always in vain, and is cheaper than a write.
            if questions.find_one({"owner": owner}, {"_id": 1}) is None:
                return None
            taken = questions.find_one_and_delete({"owner": owner}, sort=[("asked_at", 1)])
        return None if taken is None else read_all("stats_questions", _question_of, [taken])[0]

    def answer(self, question: str, owner: str, body: bytes) -> None:
        """Leave the answer of the worker ``owner``; ``body`` must leave room in a document of 16 MB."""
        change: Document = {
            "$set": {"question": question, "owner": owner, "body": body},
            "$currentDate": {"answered_at": True},
        }
        with self._connection.operation() as database, pymongo.timeout(_SECONDS):
            _answers(database).update_one({"_id": f"{question}:{owner}"}, change, upsert=True)

    def answers(self, question: str, known: Names[str]) -> dict[str, bytes]:
        """The answers to a question by their workers' owners, but for those ``known`` already."""
        wanted: Document = {"question": question, "owner": {"$nin": list(known)}}
        with self._connection.operation() as database, pymongo.timeout(_SECONDS):
            return dict(read_all("stats_answers", _answer_of, _answers(database).find(wanted).to_list()))

    def forget(self, question: str) -> None:
        """Remove what is left of a question: nobody waits for answers to it any more."""
        with self._connection.operation() as database, pymongo.timeout(_SECONDS):
            _questions(database).delete_many({"question": question})
            _answers(database).delete_many({"question": question})


def _questions(database: Database[Document]) -> Collection[Document]:
    return database.stats_questions.with_options(write_concern=_AT_ONCE, read_preference=ReadPreference.PRIMARY)


def _answers(database: Database[Document]) -> Collection[Document]:
    return database.stats_answers.with_options(write_concern=_AT_ONCE, read_preference=ReadPreference.PRIMARY)


def _question_of(document: Mapping[str, Any]) -> str:
    return str(document["question"])


def _answer_of(document: Mapping[str, Any]) -> tuple[str, bytes]:
    return document["owner"], document["body"]
