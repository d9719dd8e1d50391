"""A job's calls to HubSpot: of lower priority than those of readers, patient, and ended when the job is cancelled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from dealcache.hubspot.batch_size import BatchSizes
from dealcache.hubspot.client import BATCH_SIZE, LIST_PAGE, MOST_ASSOCIATION_INPUTS, HubSpotClient
from dealcache.hubspot.errors import HubSpotError, MalformedAnswer, NotFound, Rejected
from dealcache.hubspot.json_validation import Json, id_in
from dealcache.hubspot.mapper import RecordMapper
from dealcache.hubspot.name_search import NameSearch
from dealcache.hubspot.pages import AssociationPage, RecordBatch, RecordPage, all_associations
from dealcache.hubspot.search_limits import SEARCH_PAGE
from dealcache.model.deadline import Deadline
from dealcache.model.deals import Deal, Event
from dealcache.model.people import Person
from dealcache.sync.bisection import Bisected, read_by_bisection
from dealcache.sync.cancellation import CancellationToken
from dealcache.sync.job_progress import JobProgress
from dealcache.sync.search_filters import Group, beyond, last_of

T = TypeVar("T")
R = TypeVar("R")

#: Seconds for one call with all its retries and waits for limits; a pause that HubSpot asks for may take a minute.
_CALL_SECONDS = 300.0

#: Seconds for a call that only checks that HubSpot works, and the deal it asks for, which does not exist.
_PROBE_SECONDS = 5.0
_NO_DEAL = ("1",)


@dataclass(frozen=True, slots=True)
class Found:
    """A page of a search: ids and, if they were asked for, events.

    ``more`` is True if others match beyond ``last_id``, with which the next page is asked for.
    """

    ids: list[str]
    last_id: str | None
    more: bool
    events: Sequence[Event] = ()


class HubSpotReader:
    """Calls HubSpot for one job, and returns plain values. Thread-safe.

    Every method raises HubSpotError if there is no valid answer after all retries. A tolerant job isolates the records
    that are to blame when a call keeps failing, and warns of them; in any other job the call fails.

    Args:
        connect: returns a client whose calls end at a deadline.
        mapper: turns records into plain values.
        on_read: called with deals and events that were read, to look up ids that have no label; must not block.
        progress: counts what was read.
        token: cancels the calls.
        sizes: the number of records that each kind of call asks for, which falls after a time-out.
        stored: returns, for a tolerant job, the ids of a few stored records of a type other than the given ones.
    """

    def __init__(
        self,
        connect: Callable[[Deadline], HubSpotClient],
        mapper: RecordMapper,
        on_read: Callable[[Sequence[Deal], Sequence[Event]], None],
        progress: JobProgress,
        token: CancellationToken,
        sizes: BatchSizes,
        stored: Callable[[str, Sequence[str]], Iterable[str]] | None,
    ) -> None:
        self._connect = connect
        self._mapper = mapper
        self._sizes = sizes
        self._token = token
        self._progress = progress
        self._on_read = on_read
        self._stored = stored

    def shows_deals(self) -> bool:
        """Return True if HubSpot returns any deals now, whatever is wrong with a single record or type."""
        return _works(lambda: self._client(_PROBE_SECONDS).read_records("deals", _NO_DEAL)) or _works(
            lambda: self._client(_PROBE_SECONDS).archived_page("deals", None)
        )

    # Lists and searches

    def list_deals(self, after: str | None) -> tuple[list[Deal], str | None]:
        """Return a page of all deals that are not archived, and the cursor of the next page."""
        page = self._list(HubSpotClient.list_page, "deals", after)
        deals = self._mapper.deals(page.records)
        self._on_read(deals, ())
        return deals, page.after

    def list_archived(self, object_type: str, after: str | None) -> tuple[list[str], str | None]:
        """Return the ids of a page of the archived records of one type, and the cursor of the next page."""
        page = self._list(HubSpotClient.archived_page, object_type, after)
        return [id_in(record) for record in page.records], page.after

    def deals_named(self, name: str) -> list[str]:
        """Return the ids of the deals of this name, in any case."""
        page = self._client().find_deals(NameSearch(single=(name,)))
        return [id_in(record) for record in page.records]

    def search_ids(self, object_type: str, groups: Sequence[Group], last_id: str | None) -> Found:
        """Return the ids of records that match, 200 at most, by ascending id from above ``last_id`` on."""
        return self._search(object_type, groups, last_id, ("hs_object_id",))[0]

    def search_activities(self, engagement_type: str, groups: Sequence[Group], last_id: str | None) -> Found:
        """Return the activities of one type that match; see :meth:`search_ids`."""
        found, records = self._search(engagement_type, groups, last_id, None)
        return replace(found, events=self._events(engagement_type, records))

    # Records by their ids

    def read_deals(self, ids: Sequence[str]) -> RecordBatch[Deal]:
        """Return the deals with these ids, at most 100, without those that are archived or gone.

        A deal that was merged away may come under its new id.
        """

        def read(some: Sequence[str]) -> RecordBatch[Deal]:
            batch = self._read("deals", some)
            deals = self._mapper.deals(batch.records)
            self._on_read(deals, ())
            return RecordBatch(deals, batch.refused)

        return together(self._isolated("deals", "deals", ids, read))

    def read_activities(self, kind: str, ids: Sequence[str]) -> RecordBatch[Event]:
        """Return the activities of one type with these ids, at most 100, without those that are archived or gone."""

        def read(some: Sequence[str]) -> RecordBatch[Event]:
            batch = self._read(kind, some)
            events = self._events(kind, batch.records)
            return RecordBatch(events, frozenset(batch.without(event.engagement_id for event in events)))

        return together(self._isolated(kind, kind, ids, read))

    def read_people(self, object_type: str, ids: Sequence[str]) -> RecordBatch[Person]:
        """Return the contacts or companies with these ids, at most 100, without those that are archived or gone.

        One that was merged into another comes under its new id. Single ones to blame for a failure are not isolated.
        """
        batch = self._read(object_type, ids)
        return RecordBatch(self._mapper.people(object_type, batch.records), batch.refused)

    # Associations

    def associations(self, from_type: str, records: Mapping[str, str | None], to_type: str) -> AssociationPage:
        """Return a page of the ids of one type for each record of another, at most 1,000 records; see the client."""

        def read(some: Sequence[str]) -> AssociationPage:
            return self.associations_at_once(from_type, {one: records.get(one) for one in some}, to_type)

        found = self._isolated(f"{to_type} of {from_type}", from_type, list(records), read)
        return _joined([*found.results, AssociationPage({}, {}, dict.fromkeys(found.unreadable, "unreadable"))])

    def associations_at_once(self, from_type: str, records: Mapping[str, str | None], to_type: str) -> AssociationPage:
        """Do what :meth:`associations` does, without isolating records."""

        def ask(some: Sequence[str]) -> AssociationPage:
            part = {one: records[one] for one in some}
            return self._client().read_associations(from_type, part, to_type)

        call = f"{from_type} to {to_type} associations"
        return _joined(self._sizes.ask(call, MOST_ASSOCIATION_INPUTS, list(records), ask, self._token.check))

    def deals_of(self, kind: str, ids: Iterable[str]) -> tuple[dict[str, set[str]], set[str]]:
        """Read all deals of activities, at most 1,000.

        Returns:
            The deals of each activity, and the activities whose deals are not all known.
        """
        return all_associations(lambda pending: self.associations(kind, pending, "deals"), ids)

    # The calls

    def _client(self, seconds: float = _CALL_SECONDS) -> HubSpotClient:
        self._token.check()
        return self._connect(Deadline(seconds, is_cancelled=self._token.is_cancelled))

    def _list(self, read: Callable[..., RecordPage], object_type: str, after: str | None) -> RecordPage:
        def ask(limit: int) -> RecordPage:
            return read(self._client(), object_type, after, limit)

        return self._sizes.ask_page(f"{object_type} list", LIST_PAGE, ask, self._token.check)

    def _search(
        self, object_type: str, groups: Sequence[Group], last_id: str | None, properties: Sequence[str] | None
    ) -> tuple[Found, list[Json]]:
        def ask(limit: int) -> RecordPage:
            return self._client().search_page(object_type, beyond(groups, last_id), properties, limit)

        page = self._sizes.ask_page(f"{object_type} search", SEARCH_PAGE, ask, self._token.check)
        # Pages continue after the last id: a record whose id is not a number has no place among them.
        ids = [one for record in page.records if (one := id_in(record)).isascii() and one.isdigit()]
        if page.after is not None and not ids:
            raise MalformedAnswer("an empty page of a search claims that more match")
        return Found(ids, last_of(ids, last_id), page.after is not None), page.records

    def _read(self, object_type: str, ids: Sequence[str]) -> RecordBatch[Json]:
        def ask(some: Sequence[str]) -> RecordBatch[Json]:
            return self._client().read_records(object_type, some)

        return together(Bisected(self._sizes.ask(f"{object_type} batch_read", BATCH_SIZE, ids, ask, self._token.check)))

    def _events(self, engagement_type: str, records: Sequence[Json]) -> list[Event]:
        self._progress.activities_read(len(records))
        events = self._mapper.events(engagement_type, records)
        self._on_read((), events)
        return events

    def _isolated(self, what: str, kind: str, ids: Sequence[str], read: Callable[[Sequence[str]], R]) -> Bisected[R]:
        if self._stored is None:
            return Bisected([read(ids)])
        found = read_by_bisection(ids, read, partial(self._stored, kind, ids))
        found.warn(self._progress, what)
        return found


def together(found: Bisected[RecordBatch[T]]) -> RecordBatch[T]:
    """Return the batches of a read as one; those that cannot be read alone count as refused."""
    refused = frozenset(found.unreadable).union(*(batch.refused for batch in found.results))
    return RecordBatch([record for batch in found.results for record in batch.records], refused)


def _joined(pages: Sequence[AssociationPage]) -> AssociationPage:
    if len(pages) == 1:
        return pages[0]
    ids: dict[str, tuple[str, ...]] = {}
    for page in pages:
        for record, found in page.ids.items():
            ids[record] = (*ids.get(record, ()), *found)
    refused = {record: category for page in pages for record, category in page.refused.items()}
    return AssociationPage(ids, {record: after for page in pages for record, after in page.after.items()}, refused)


def _works(ask: Callable[[], object]) -> bool:
    try:
        ask()
    except (NotFound, Rejected):
        return True
    except HubSpotError:
        return False
    return True
