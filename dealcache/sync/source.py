"""HubSpot as a job asks it: behind the readers, patiently, and not once more when the job is to stop.

Answers come as the plain values of :mod:`dealcache.deals`, with the names of owners and stages. Every method raises
HubSpotError when there is no good answer after all retries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dealcache.deals import Deal, Event
from dealcache.hubspot import AssociationPage, HubSpotClient, MalformedAnswer, Priority, RecordPage
from dealcache.hubspot import deal_of as as_deal
from dealcache.hubspot import event_of as as_event
from dealcache.sync.ledger import Ledger
from dealcache.sync.names import Names
from dealcache.sync.stop import CallDeadline, StopSign

#: Seconds for one call with all its retries and its waits for the limits; a pause that HubSpot asks for is a minute.
_CALL_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class DealPage:
    """A page of deals, and where the next one starts; None after the last."""

    deals: list[Deal]
    after: str | None


@dataclass(frozen=True, slots=True)
class Found:
    """A page of a search: ids and, if they were asked for, events; ``more`` tells that others match beyond it."""

    ids: list[str]
    events: list[Event]
    more: bool


class Source:
    """Asks HubSpot for one job; its methods may be called from all threads of the job's crew.

    Args:
        client: asks HubSpot.
        names: labels what was read.
        ledger: is told what was read.
        stop: tells when to stop.
    """

    def __init__(self, client: HubSpotClient, names: Names, ledger: Ledger, stop: StopSign) -> None:
        self._client = client
        self._stop = stop
        self._ledger = ledger
        self.names = names

    def _deadline(self) -> CallDeadline:
        self._stop.check()
        return CallDeadline(_CALL_SECONDS, self._stop)

    def list_deals(self, after: str | None) -> DealPage:
        """A page of all deals that are not archived."""
        page = self._client.list_page("deals", after, self._deadline())
        return DealPage(self.names.deals(as_deal(record) for record in page.records), page.after)

    def list_archived(self, object_type: str, after: str | None) -> tuple[list[str], str | None]:
        """The ids of a page of the archived records of one type, and where the next page starts."""
        page = self._client.archived_page(object_type, after, self._deadline())
        return [str(record["id"]) for record in page.records], page.after

    def read_deals(self, ids: Sequence[str]) -> list[Deal]:
        """The deals with these ids, at most 100, without those that are archived or gone.

        A deal that was merged away may come under its new id.
        """
        records = self._client.read_deals(ids, self._deadline(), Priority.SYNC)
        return self.names.deals(as_deal(record) for record in records)

    def deals_named(self, name: str) -> list[str]:
        """The ids of the deals of this name, in any case."""
        records = self._client.find_deals_by_name(name, self._deadline(), Priority.SYNC)
        return [str(record["id"]) for record in records]

    def read_activities(self, engagement_type: str, ids: Sequence[str]) -> list[Event]:
        """The activities of one type with these ids, at most 100, without those that are archived or gone."""
        records = self._client.read_activities(engagement_type, ids, self._deadline(), Priority.SYNC)
        return self._events(engagement_type, records)

    def activities_of(self, deals: Mapping[str, str | None], engagement_type: str) -> AssociationPage:
        """A page of the ids of the activities of one type for each deal, at most 1,000 deals; see the client."""
        return self._client.association_page(deals, engagement_type, self._deadline(), Priority.SYNC)

    def deals_of(self, engagement_type: str, activities: Mapping[str, str | None]) -> AssociationPage:
        """A page of the ids of the deals for each activity of one type, at most 1,000 activities."""
        return self._client.deals_page(engagement_type, activities, self._deadline())

    def search_ids(self, object_type: str, groups: Sequence[Sequence[Mapping[str, Any]]]) -> Found:
        """The ids of records that match, 200 at most, by ascending id."""
        page = self._client.search_page(object_type, groups, self._deadline(), properties=("hs_object_id",))
        return Found(_ids(page), [], page.after is not None)

    def search_activities(self, engagement_type: str, groups: Sequence[Sequence[Mapping[str, Any]]]) -> Found:
        """The activities of one type that match, 200 at most, by ascending id."""
        page = self._client.search_page(engagement_type, groups, self._deadline())
        return Found(_ids(page), self._events(engagement_type, page.records), page.after is not None)

    def _events(self, engagement_type: str, records: Sequence[Mapping[str, Any]]) -> list[Event]:
        self._ledger.activities_read(len(records))
        return self.names.events(as_event(engagement_type, record) for record in records)


def _ids(page: RecordPage) -> list[str]:
    ids = [str(record["id"]) for record in page.records]
    if page.after is not None and not ids:
        raise MalformedAnswer("an empty page of a search says that more match")
    return ids
