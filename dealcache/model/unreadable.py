"""Reports records that cannot be read, stored or shown as they are: each once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from dealcache.model.deals import RECORD_TYPES
from dealcache.model.people import PEOPLE_TYPES

log = logging.getLogger(__name__)

#: Reported records to remember; beyond that, the oldest is forgotten, and may be reported again.
MOST_REMEMBERED = 10_000

#: The types that are counted by name: HubSpot's object types. A document of another program may name any other.
TYPES = frozenset({*RECORD_TYPES, *PEOPLE_TYPES.values(), "owners", "pipelines", "properties"})

_OTHER = "other"
_LONGEST_ID = 100


class UnreadableRecords:
    """Logs and counts damaged records. Thread-safe.

    A record is logged by its type and id, never with its contents, which are other people's correspondence.

    Args:
        on_unreadable: called with the type of each such record, once.
    """

    def __init__(self, on_unreadable: Callable[[str], None] = lambda _type: None) -> None:
        self._on_unreadable = on_unreadable
        self._lock = threading.Lock()
        self._reported: dict[tuple[str, str], None] = {}

    def note(self, record_type: object, record_id: object, reason: str) -> None:
        """Log and count a record, unless this process has already done so.

        Args:
            record_type: HubSpot's name of its type.
            record_id: its id; anything but a text or a number counts as none.
            reason: the fault and its consequence; may name properties, must not quote their values.
        """
        # One of BSON's text types, code, cannot be looked up in a set.
        kind = str(record_type) if isinstance(record_type, str) and str(record_type) in TYPES else _OTHER
        shown = _printable(record_id) if isinstance(record_id, str | int) else "without an id"
        with self._lock:
            if (kind, shown) in self._reported:
                return
            self._reported[kind, shown] = None
            if len(self._reported) > MOST_REMEMBERED:
                del self._reported[next(iter(self._reported))]
        log.warning("a record of %s (%s): %s", kind, shown, reason)
        self._on_unreadable(kind)


def _printable(record_id: str | int) -> str:
    text = str(record_id)[: _LONGEST_ID + 1]
    whole = text if len(text) <= _LONGEST_ID else f"{text[:_LONGEST_ID]}…"
    return whole if whole.isprintable() else ascii(whole)
