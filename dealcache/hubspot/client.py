"""Typed requests to HubSpot's API, one method for each, with checked answers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar
from urllib.parse import quote

from dealcache.hubspot.activities import identity_of, properties_of
from dealcache.hubspot.calls import Calls
from dealcache.hubspot.errors import HubSpotError
from dealcache.hubspot.json_validation import Json, flag_in, id_in, listed_in, next_after, whole_in
from dealcache.hubspot.limits.buckets import Bucket
from dealcache.hubspot.mapper import RecordMapper
from dealcache.hubspot.name_search import NameSearch
from dealcache.hubspot.pages import (
    AssociationPage,
    RecordBatch,
    RecordPage,
    association_page_of,
    refused_ids,
)
from dealcache.hubspot.search_limits import SEARCH_PAGE, fits
from dealcache.model.batches import batches_of

log = logging.getLogger(__name__)

T = TypeVar("T")

#: The most records of one batch read ("CRM objects"), and the most inputs of one association read ("Associations v4").
BATCH_SIZE = 100
MOST_ASSOCIATION_INPUTS = 1000

#: The largest page of a list, and the most deals of one name that are read.
LIST_PAGE = 100
_MOST_HOMONYMS = 1000

#: The most characters of the names of properties in the address of a list: HubSpot refuses long addresses (414).
_LONGEST_NAMES = 5_000


class HubSpotClient:
    """Client of HubSpot's API for one caller. Every method raises HubSpotError without a valid answer. Thread-safe.

    An ``object_type`` is HubSpot's name of it: ``deals``, ``contacts``, ``companies``, or that of an activity
    (``calls``, …).

    Args:
        calls: makes the calls, within the caller's deadline and with its priority.
        mapper: turns the records into plain values, and learns which cannot be read.
    """

    def __init__(self, calls: Calls, mapper: RecordMapper) -> None:
        self.mapper = mapper
        self.calls = calls

    def admit(self) -> None:
        """Make sure that the account's data may be asked for, once before the first calls begin side by side."""
        self.calls.admit()

    # Searches

    def find_deals(self, search: NameSearch) -> RecordPage:
        """Return the deals whose names match by HubSpot's rules, the last modified first, 1,000 at most.

        HubSpot ignores case here, never finds archived deals, and may miss what changed in the last moments. With an
        ``after`` in the page there are more, and some of several names may then have no deal in it. If the names of all
        properties are too long for the search, the deals that it finds are read once more by their ids.
        """
        query, found = search.body(self.mapper.deal_properties.names()), list[Json]()
        if not (is_whole := fits(query)):
            query = search.body()
        for _ in range(_MOST_HOMONYMS // SEARCH_PAGE):
            answer = self.calls.search("deals", query)
            found += _live(self._identified("deals", answer))
            after = next_after(answer)
            if after is None or (len(search.names) > 1 and whole_in(answer, "total") > _MOST_HOMONYMS):
                break
            query["after"] = after
        return RecordPage(found if is_whole else self._read_again("deals", found), after)

    def search_page(
        self,
        object_type: str,
        filter_groups: Sequence[Sequence[Json]],
        properties: Sequence[str] | None = None,
        limit: int = SEARCH_PAGE,
    ) -> RecordPage:
        """Return the first records that match, ordered by id.

        HubSpot finds no archived records, shows changes late, and pages no further than 10,000 records. So this never
        asks for a next page: ``after`` only means that more records match, to be searched by ids (``hs_object_id``)
        greater than the last one.

        Args:
            object_type: the type to search.
            filter_groups: groups of HubSpot's filters: a record matches all filters of at least one group.
            properties: the properties wanted; None for all that the mapping reads.
            limit: the most records, up to 200.
        """
        query = {
            "filterGroups": [{"filters": list(filters)} for filters in filter_groups],
            "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
            "properties": list(self._properties_of(object_type) if properties is None else properties),
            "limit": limit,
        }
        answer = self.calls.search(object_type, query)
        return RecordPage(_live(self._identified(object_type, answer)), next_after(answer))

    # Lists

    def list_page(self, object_type: str, after: str | None, limit: int = LIST_PAGE) -> RecordPage:
        """Return up to ``limit`` of all records that are not archived, from the cursor ``after`` on.

        If the names of all properties of deals are too long for a list, it is read with the fixed ones alone, and the
        deals once more by their ids.
        """
        wanted = self._properties_of(object_type)
        if len(quote(",".join(wanted))) <= _LONGEST_NAMES:
            return self._list(object_type, after, limit, wanted)
        page = self._list(object_type, after, limit, properties_of(object_type))
        return RecordPage(self._read_again(object_type, page.records), page.after)

    def archived_page(self, object_type: str, after: str | None, limit: int = LIST_PAGE) -> RecordPage:
        """Return up to ``limit`` archived records from the cursor ``after`` on, with little more than their ids.

        HubSpot forgets them 90 days after they were archived, and refuses this list for some types.
        """
        return self._list(object_type, after, limit, identity_of(object_type), archived=True)

    # Batches

    def read_records(self, object_type: str, ids: Sequence[str]) -> RecordBatch[Json]:
        """Return the records of one type with these ids, at most 100, in any order, and the ids that HubSpot refused.

        Unknown and archived records are left out. A deal that was merged into another comes back as that other, under
        its id, which is then none of ``ids``; HubSpot sometimes leaves it out. Refused records are asked for once more,
        since some reasons pass quickly.
        """
        records, refused = self._read_batch(object_type, ids)
        if refused and (again := _again(lambda: self._read_batch(object_type, tuple(refused)))):
            records |= again[0]
            refused = again[1]
        self._note_refused(object_type, refused)
        return RecordBatch(_live(records.values()), frozenset(refused))

    def read_associations(self, from_type: str, records: Mapping[str, str | None], to_type: str) -> AssociationPage:
        """Return one page of the ids of type ``to_type`` with which each record of ``from_type`` is associated.

        Refused records are asked for once more, as in :meth:`read_records`.

        Args:
            from_type: the type of ``records``.
            records: up to 1,000 ids, each with the cursor of the page wanted, None for the first.
            to_type: the type of the ids wanted.
        """
        page = self._associations(from_type, records, to_type)
        if rest := {one: records[one] for one in page.refused}:
            again = _again(lambda: self._associations(from_type, rest, to_type))
            if again is not None:
                page = AssociationPage({**page.ids, **again.ids}, {**page.after, **again.after}, again.refused)
        self._note_refused(from_type, page.refused)
        return page

    def _read_batch(self, object_type: str, ids: Sequence[str]) -> tuple[dict[str, Json], dict[str, str]]:
        """Return the records found, by id, and the refused ids, each with the category of the error."""
        if len(ids) > BATCH_SIZE:
            raise ValueError(f"more than {BATCH_SIZE} records in one batch read")
        body = {
            "inputs": [{"id": one} for one in ids],
            "properties": list(self._properties_of(object_type)),
            # HubSpot's descriptions of the call require it.
            "propertiesWithHistory": list[str](),
        }
        path = self.calls.paths.batch_read(object_type)
        answer = self.calls.batch(f"{object_type}_batch_read", path, body, Bucket.APP)
        records = {id_in(record): record for record in self._identified(object_type, answer)}
        return records, refused_ids(answer, ids, records, "ids")

    def _associations(self, from_type: str, records: Mapping[str, str | None], to_type: str) -> AssociationPage:
        if len(records) > MOST_ASSOCIATION_INPUTS:
            raise ValueError(f"more than {MOST_ASSOCIATION_INPUTS} records in one association read")
        inputs = [{"id": one} if after is None else {"id": one, "after": after} for one, after in records.items()]
        endpoint = f"{from_type}_{to_type}_associations"
        path = self.calls.paths.associations(from_type, to_type)
        answer = self.calls.batch(endpoint, path, {"inputs": inputs}, Bucket.ASSOCIATIONS)
        return association_page_of(answer, list(records))

    def _properties_of(self, object_type: str) -> Sequence[str]:
        return self.mapper.deal_properties.names() if object_type == "deals" else properties_of(object_type)

    def _read_again(self, object_type: str, found: Sequence[Json]) -> list[Json]:
        """Return records with all their properties, those that HubSpot refuses as they were found."""
        read: list[Json] = []
        for ids in batches_of(dict.fromkeys(map(id_in, found)), BATCH_SIZE):
            batch = self.read_records(object_type, ids)
            read += [*batch.records, *(one for one in found if id_in(one) in batch.refused)]
        return read

    def _list(
        self,
        object_type: str,
        after: str | None,
        limit: int,
        properties: Sequence[str],
        *,
        archived: bool = False,
    ) -> RecordPage:
        params = {"limit": str(limit), "archived": str(archived).lower(), "properties": ",".join(properties)}
        params |= {} if after is None else {"after": after}
        endpoint, path = f"{object_type}_list", self.calls.paths.objects(object_type)
        answer = self.calls.get(endpoint, path, params, refusable=archived)
        found = self._identified(object_type, answer)
        return RecordPage([one for one in found if flag_in(one, "archived") in (None, archived)], next_after(answer))

    def _identified(self, record_type: str, answer: Json) -> list[Json]:
        return self.mapper.identified(record_type, listed_in(answer, "results"))

    def _note_refused(self, object_type: str, refused: Mapping[str, str]) -> None:
        for one, category in refused.items():
            self.mapper.refused(object_type, one, category)


def _live(records: Iterable[Json]) -> list[Json]:
    return [one for one in records if flag_in(one, "archived") is not True]


def _again(read: Callable[[], T]) -> T | None:
    try:
        return read()
    except HubSpotError as failure:
        log.debug("the second try of refused records failed: %s", failure)
        return None
