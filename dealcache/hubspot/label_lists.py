"""Reads whole lists of what gives records their labels: owners, pipelines of deals, and properties of deals.

Of the properties, only the own ones that are configured are kept; which of them HubSpot does not have is logged once.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from dealcache.hubspot.calls import Calls
from dealcache.hubspot.errors import Forbidden, MalformedAnswer, Rejected
from dealcache.hubspot.json_validation import Json, listed_in, next_after
from dealcache.hubspot.mapper import RecordMapper
from dealcache.hubspot.pages import CursorGuard
from dealcache.model.deadline import Deadline
from dealcache.model.deal_properties import PropertyDefinition

log = logging.getLogger(__name__)

#: The largest page of owners.
_OWNERS_PAGE = 500

#: The scope that the definitions may need, which the deals themselves do not.
SCHEMA_SCOPE = "crm.schemas.deals.read"


class LabelLists:
    """Reads the lists. Every method raises HubSpotError if there is no valid answer. Thread-safe.

    Args:
        calls: makes the calls.
        mapper: learns which records cannot be read.

    Attributes:
        mapper: turns the records into plain values.
    """

    def __init__(self, calls: Calls, mapper: RecordMapper) -> None:
        self.mapper = mapper
        self._calls = calls

    def list_owners(self) -> list[Json]:
        """Return all owners, including those who have left: their old activities still name them."""
        present = self._owner_pages("false")
        return _with_archived(present, lambda: self._owner_pages("true"), "owners")

    def list_pipelines(self) -> list[Json]:
        """Return the pipelines of deals with their stages, including archived ones: deals that are in them stay."""
        present = self._pipeline_list({})
        archived = {"archived": "true"}
        return _with_archived(present, lambda: self._pipeline_list(archived), "pipelines")

    def list_properties(self) -> list[Json]:
        """Return the definitions of all properties of deals; a record has no value of an archived one.

        Raises:
            Forbidden: the token may not read them.
        """
        answer = self._calls.get("properties", self._calls.paths.deal_properties, {}, refusable=True)
        results = listed_in(answer, "results")
        found: list[Json] = [one for one in results if isinstance(one, dict) and isinstance(one.get("name"), str)]
        if not found:
            # Deals always have some: the format has changed, and no property must be taken for deleted.
            raise MalformedAnswer("the properties of deals have no names", endpoint="properties")
        return found

    def _pipeline_list(self, params: Mapping[str, str]) -> list[Json]:
        answer = self._calls.get("pipelines", self._calls.paths.deal_pipelines, params)
        return self.mapper.identified("pipelines", listed_in(answer, "results"))

    def _owner_pages(self, archived: str) -> list[Json]:
        params = {"limit": str(_OWNERS_PAGE), "archived": archived}
        owners: list[Json] = []
        cursors = CursorGuard()
        while True:
            answer = self._calls.get("owners", self._calls.paths.owners, params)
            owners += self.mapper.identified("owners", listed_in(answer, "results"))
            if (after := next_after(answer)) is None:
                return owners
            cursors.check(after, "owners")
            params = {**params, "after": after}


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


def _with_archived(present: Sequence[Json], archived: Callable[[], Sequence[Json]], what: str) -> list[Json]:
    """Return records with the archived ones, whose list HubSpot may refuse, or answer with the present records."""
    try:
        found = archived()
    except (Rejected, Forbidden, MalformedAnswer) as refusal:
        log.warning("HubSpot does not list the archived %s, which keep the labels that are known: %s", what, refusal)
        return list(present)
    ids = {record.get("id") for record in present}
    return [*present, *({**record, "archived": True} for record in found if record.get("id") not in ids)]
