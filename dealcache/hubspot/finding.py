"""Finds the deals that a load is about, by their names or by an id: the first round trips of a load."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple, Protocol

from dealcache.deadline import Deadline
from dealcache.deal_choice import choose_deal
from dealcache.deals import Deal, DealKey, name_key
from dealcache.hubspot.budgets import Priority
from dealcache.hubspot.client import BATCH_SIZE, HubSpotClient
from dealcache.hubspot.errors import HubSpotError
from dealcache.hubspot.fanout import Fanout
from dealcache.hubspot.gathering import batches_of
from dealcache.hubspot.mapping import deal_of
from dealcache.hubspot.name_search import NameSearch, may_be_missed, plan_searches, plan_single_searches
from dealcache.hubspot.pages import RecordPage


class Found(NamedTuple):
    """The deal that a key names, and the others of its name."""

    deal: Deal
    homonyms: tuple[Deal, ...] = ()


class Asking(NamedTuple):
    """Through what HubSpot is asked, until when, and by whom."""

    client: HubSpotClient
    calls: Fanout
    deadline: Deadline
    priority: Priority

    def search(self, search: NameSearch) -> RecordPage:
        """The deals of some names; see :meth:`.HubSpotClient.find_deals`."""
        return self.client.find_deals(search, self.deadline, self.priority)

    def read_deals(self, ids: Sequence[str]) -> list[Deal]:
        """The deals with these ids, at most 100."""
        return [deal_of(record) for record in self.client.read_deals(ids, self.deadline, self.priority)]


class Finder(Protocol):
    """Finds deals.

    Attributes:
        found: the deals that were found, by the key that names each.
        failures: why nobody knows whether there is a deal, by the key that names it.
        read_by_id: deals that were read because their ids were known, as HubSpot has them now.
    """

    found: dict[DealKey, Found]
    failures: dict[DealKey, HubSpotError]
    read_by_id: tuple[Deal, ...]

    def find(self) -> None:
        """Find the deals, so that their activities can be read."""

    def start_rest(self) -> None:
        """Begin what may run beside the reads of their activities."""

    def gone(self, key: DealKey) -> tuple[tuple[str, ...], tuple[Deal, ...]]:
        """What became of the deals that ``key``, which was not found, was believed to name.

        Returns:
            The ids that HubSpot has no longer, and the deals that bear another name.
        """


class NameFinder:
    """Finds the deals of names, as many together as fit into a search.

    What the search does not find is read by the ids under which the name is known elsewhere, because HubSpot's search
    learns of new and renamed deals with a delay; and what it does not find in a list of names it is asked for alone,
    unless it is beyond doubt how the name's capitals become small.

    Args:
        keys: the names.
        known_ids: ids under which names are known.
        asking: how HubSpot is asked.
    """

    def __init__(self, keys: Collection[DealKey], known_ids: Mapping[DealKey, Collection[str]], asking: Asking) -> None:
        self._keys = keys
        self._known_ids = known_ids
        self._asking = asking
        self._listed: list[NameSearch] = []
        self._by_name: defaultdict[str, list[Deal]] = defaultdict(list)
        self.found: dict[DealKey, Found] = {}
        self.failures: dict[DealKey, HubSpotError] = {}
        self.read_by_id: tuple[Deal, ...] = ()

    def find(self) -> None:
        """See :class:`Finder`."""
        for search in plan_searches([key.value for key in self._keys]):
            self._start(search)
        self._asking.calls.finish()
        self._choose()
        unknown = [key for key in self._keys if key not in self.found and key not in self.failures]
        doubtful = [key.value for key in unknown if may_be_missed(key.value) and self._was_listed(key.value)]
        for search in plan_single_searches(doubtful):
            self._start(search)
        ids = dict.fromkeys(one for key in unknown for one in self._known_ids.get(key, ()))
        for batch in batches_of(ids, BATCH_SIZE):
            self._asking.calls.start(
                partial(self._asking.read_deals, batch), self._take_known, partial(self._read_failed, batch)
            )
        self._asking.calls.finish()
        self._choose()

    def start_rest(self) -> None:
        """See :class:`Finder`: all is known already."""

    def gone(self, key: DealKey) -> tuple[tuple[str, ...], tuple[Deal, ...]]:
        """See :class:`Finder`; a deal with an id that nobody asked for is one that others were merged into."""
        asked = dict.fromkeys(self._known_ids.get(key, ()))
        if not asked:
            return (), ()
        read = {deal.deal_id for deal in self.read_by_id}
        others = {one for ids in self._known_ids.values() for one in ids} - asked.keys()
        missing = tuple(one for one in asked if one not in read)
        return missing, tuple(deal for deal in self.read_by_id if deal.deal_id not in others)

    def _start(self, search: NameSearch) -> None:
        if search.listed:
            self._listed.append(search)
        self._asking.calls.start(
            partial(self._asking.search, search),
            partial(self._take_page, search),
            partial(self._search_failed, search),
        )

    def _was_listed(self, name: str) -> bool:
        return any(search.concerns(name) and name not in search.single for search in self._listed)

    def _take_page(self, search: NameSearch, page: RecordPage) -> None:
        if page.after is not None and len(search.names) > 1:
            # One name has so many deals that those of others may be among the rest: each half has more room.
            for half in search.halves():
                self._start(half)
            return
        self._take_deals(deal_of(record) for record in page.records)

    def _take_known(self, deals: Sequence[Deal]) -> None:
        self.read_by_id = (*self.read_by_id, *deals)
        self._take_deals(deals)

    def _take_deals(self, deals: Iterable[Deal]) -> None:
        for deal in deals:
            self._by_name[name_key(deal.deal_name)].append(deal)

    def _choose(self) -> None:
        for key in self._keys:
            choice = choose_deal(key.value, self._by_name.get(name_key(key.value), ()))
            if choice is not None and key not in self.found and key not in self.failures:
                self.found[key] = Found(*choice)

    def _search_failed(self, search: NameSearch, failure: HubSpotError) -> None:
        self._fail((key for key in self._keys if search.concerns(key.value)), failure)

    def _read_failed(self, ids: Collection[str], failure: HubSpotError) -> None:
        self._fail((key for key in self._keys if not set(ids).isdisjoint(self._known_ids.get(key, ()))), failure)

    def _fail(self, keys: Iterable[DealKey], failure: HubSpotError) -> None:
        for key in keys:
            if key not in self.found:
                self.failures.setdefault(key, failure)


class IdFinder:
    """Finds the deal of an id; the others of its name are searched while its activities are read.

    Args:
        key: the id.
        asking: how HubSpot is asked.
    """

    def __init__(self, key: DealKey, asking: Asking) -> None:
        self._key = key
        self._asking = asking
        self.found: dict[DealKey, Found] = {}
        self.failures: dict[DealKey, HubSpotError] = {}
        self.read_by_id: tuple[Deal, ...] = ()

    def find(self) -> None:
        """See :class:`Finder`."""
        self._asking.calls.start(partial(self._asking.read_deals, (self._key.value,)), self._take_deal, self._fail)
        self._asking.calls.finish()

    def start_rest(self) -> None:
        """See :class:`Finder`: the homonyms."""
        found = self.found.get(self._key)
        if found is not None and (name := found.deal.deal_name.strip()):
            search = NameSearch(single=(name,))
            self._asking.calls.start(partial(self._asking.search, search), self._take_homonyms, self._fail)

    def gone(self, key: DealKey) -> tuple[tuple[str, ...], tuple[Deal, ...]]:
        """See :class:`Finder`."""
        return (key.value,), ()

    def _take_deal(self, deals: Sequence[Deal]) -> None:
        # A deal that was merged into another comes as that other, under its id.
        if deals:
            self.found[self._key] = Found(deals[0])

    def _take_homonyms(self, page: RecordPage) -> None:
        deal = self.found[self._key].deal
        others = (other for other in map(deal_of, page.records) if other.deal_id != deal.deal_id)
        choice = choose_deal(deal.deal_name, others)
        if choice is not None:
            self.found[self._key] = Found(deal, (choice[0], *choice[1]))

    def _fail(self, failure: HubSpotError) -> None:
        self.failures.setdefault(self._key, failure)
        self._asking.calls.abandon()
