"""The document of the collection ``list_state``, and the signs of life of the processes that write deals.

All functions work inside :meth:`.Connection.operation`, and raise the driver's errors.
"""

from __future__ import annotations

from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from dealcache.repositories.connection import unjournaled
from dealcache.repositories.documents import Document

#: Milliseconds after which a writer without a sign of life counts as dead. No write takes that long.
DEAD_MILLISECONDS = 30_000

#: The condition for the document.
STATE_ID: Document = {"_id": "deals"}


def state_of(database: Database[Document]) -> Collection[Document]:
    """Return the collection."""
    return unjournaled(database, "list_state")


def update_state(state: Collection[Document], change: list[Document]) -> int:
    """Change the document, and return the number of changed documents: 1 or 0."""
    try:
        done = state.update_one(STATE_ID, change, upsert=True)
    except DuplicateKeyError:  # another writer has just created the document
        done = state.update_one(STATE_ID, change, upsert=True)
    return done.modified_count + (done.upserted_id is not None)


def still_alive(dates: str) -> Document:
    """Return the expression for those of a document's fields that hold a date of the last seconds, as key and value."""
    since = {"$subtract": ["$$NOW", DEAD_MILLISECONDS]}
    return {"$filter": {"input": {"$objectToArray": {"$ifNull": [dates, {}]}}, "cond": {"$gt": ["$$this.v", since]}}}


def show_alive(database: Database[Document], writer: str) -> None:
    """Note a writer's sign of life."""
    others: Document = {"$set": {"writers": {"$arrayToObject": still_alive("$writers")}}}
    update_state(state_of(database), [others, {"$set": {f"writers.{writer}": "$$NOW"}}])


def living_writers(database: Database[Document]) -> set[str]:
    """Return the writers that have recently given a sign of life."""
    living = {"living": {"$map": {"input": still_alive("$writers"), "in": "$$this.k"}}}
    return set((state_of(database).find_one(STATE_ID, living) or {}).get("living", ()))


def claim_check(database: Database[Document], minutes: int) -> bool:
    """Return True if a check of the lists is due, and note that the caller makes it."""
    recent = {"$gt": ["$checked_at", {"$subtract": ["$$NOW", minutes * 60_000]}]}
    change = [{"$set": {"checked_at": {"$cond": [recent, "$checked_at", "$$NOW"]}}}]
    return update_state(state_of(database), change) > 0
