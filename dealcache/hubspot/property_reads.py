"""Reads the definitions of own properties, and logs once which of them HubSpot does not have."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from dealcache.hubspot.errors import Forbidden, MalformedAnswer, Rejected
from dealcache.hubspot.label_lists import LabelLists
from dealcache.model.deadline import Deadline
from dealcache.model.deal_properties import PropertyDefinition

log = logging.getLogger(__name__)

#: The scope that the definitions may need, which the deals themselves do not.
SCHEMA_SCOPE = "crm.schemas.deals.read"


class PropertyReads:
    """Reads the definitions of the configured properties. Thread-safe.

    Args:
        lists: asks HubSpot, within a deadline.
        names: those of the properties.
        on_read: takes the definitions that HubSpot has, with the time just before they were read; returns True if it
            could store them.
        now: the wall clock, aware, in UTC.
    """

    def __init__(
        self,
        lists: Callable[[Deadline], LabelLists],
        names: Sequence[str],
        on_read: Callable[[tuple[PropertyDefinition, ...], datetime], bool],
        now: Callable[[], datetime],
    ) -> None:
        self._lists = lists
        self._names = names
        self._on_read = on_read
        self._now = now
        self._lock = threading.Lock()
        self._logged: set[str] = set()
        self._refused = False

    def read(self, deadline: Deadline) -> bool:
        """Read and store them; return False if they could not be stored.

        If HubSpot refuses to list them, they stay unknown, and values are texts: no reason to try again soon.

        Raises:
            HubSpotError: HubSpot failed.
        """
        read_at, lists = self._now(), self._lists(deadline)
        try:
            records = lists.list_properties()
        except (Forbidden, MalformedAnswer, Rejected) as refusal:
            self._log_refused(refusal)
            return True
        definitions = lists.mapper.properties(records, self._names)
        stored = self._on_read(definitions, read_at)
        self.log_absent(set(self._names) - {one.name for one in definitions})
        return stored

    def log_absent(self, names: Iterable[str]) -> None:
        """Log the properties that HubSpot does not have, each once."""
        with self._lock:
            absent = sorted(set(names) - self._logged)
            self._logged.update(absent)
        if absent:
            log.warning(
                "HUBSPOT_DEAL_PROPERTIES names what HubSpot does not have, or has archived, and what is left out: %s",
                ", ".join(absent),
            )

    def _log_refused(self, refusal: Exception) -> None:
        with self._lock:
            first, self._refused = not self._refused, True
        if first:
            log.warning(
                "HubSpot does not list the properties of deals, whose values are shown as texts: %s (the scope is %s)",
                refusal,
                SCHEMA_SCOPE,
            )
