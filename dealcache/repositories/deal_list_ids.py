"""Documents of other systems that have no proper id, and so are no deals. There are hardly ever any."""

from __future__ import annotations

import time
from collections.abc import Callable

from dealcache.repositories.connection import Connection
from dealcache.repositories.documents import Document
from dealcache.repositories.hints import hinted

_IMPROPER: Document = {"deal_id": {"$not": {"$gte": ""}}, "archived": False}

#: Seconds for which the answer counts.
_KNOWN_SECONDS = 60.0


class ImproperIds:
    """Remembers whether there are such documents among those that are not archived. Thread-safe.

    Args:
        connection: the database.
        timer: the monotonic clock, in seconds.
    """

    def __init__(self, connection: Connection, timer: Callable[[], float] = time.monotonic) -> None:
        self._connection = connection
        self._timer = timer
        self._known, self._until = False, float("-inf")

    def may_exist(self) -> bool:
        """Return True if there were some a moment ago; raises StoreError when MongoDB fails."""
        now = self._timer()
        if now >= self._until:
            with self._connection.operation() as database:
                deals = database.deal_info
                found = hinted(lambda **hint: deals.find(_IMPROPER, {"_id": 1}, limit=1, **hint).to_list(), "deal")
            self._known = bool(found)
            self._until = now + _KNOWN_SECONDS
        return self._known
