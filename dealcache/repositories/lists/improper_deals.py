"""Documents of other systems that a list of deals leaves out though they are not archived. They are rare."""

from __future__ import annotations

import time
from collections.abc import Callable

from dealcache.repositories.connection import Connection
from dealcache.repositories.documents import Document
from dealcache.repositories.hints import exists
from dealcache.repositories.lists.indexes import PLACE_INDEX
from dealcache.repositories.recent_answers import RecentAnswers

#: Documents without a proper id, and such as are neither archived nor not, each with the index that knows them.
_IMPROPER: tuple[tuple[Document, str], ...] = (
    ({"deal_id": {"$not": {"$gte": ""}}, "archived": False}, "deal"),
    ({"archived": {"$nin": [True, False]}}, PLACE_INDEX),
)

#: Seconds for which the answer counts.
_KNOWN_SECONDS = 60.0


class ImproperDeals:
    """Remembers whether there are such documents. Thread-safe.

    Args:
        connection: the database.
        timer: the monotonic clock, in seconds.
    """

    def __init__(self, connection: Connection, timer: Callable[[], float] = time.monotonic) -> None:
        self._connection = connection
        self._answers = RecentAnswers[str, bool](_KNOWN_SECONDS, timer)

    def may_exist(self) -> bool:
        """Return True if there were some a moment ago; raises StoreError when MongoDB fails."""
        return self._answers.get("improper", self._exist)

    def _exist(self) -> bool:
        with self._connection.operation() as database:
            return any(exists(database.deal_info, condition, index) for condition, index in _IMPROPER)
