"""Documents of other systems that a list of deals leaves out though they are not archived. They are rare."""

from __future__ import annotations

from dealcache.repositories.connection import Connection
from dealcache.repositories.documents import Document
from dealcache.repositories.hints import exists
from dealcache.repositories.lists.indexes import PLACE_INDEX

#: Documents without a proper id, and such as are neither archived nor not, each with the index that knows them.
_IMPROPER: tuple[tuple[Document, str], ...] = (
    ({"deal_id": {"$not": {"$gte": ""}}, "archived": False}, "deal"),
    ({"archived": {"$nin": [True, False]}}, PLACE_INDEX),
)


def has_improper(connection: Connection) -> bool:
    """Return True if there are such documents; raise StoreError if MongoDB fails."""
    with connection.operation() as database:
        return any(exists(database.deal_info, condition, index) for condition, index in _IMPROPER)
