"""Finds the deals of names: by searches for as many together as fit, and by ids under which they are known."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial

from dealcache.hubspot.client import BATCH_SIZE
from dealcache.hubspot.deal_resolver import DealResolver, LoadContext, ResolvedDeal, refused_deal
from dealcache.hubspot.errors import HubSpotError
from dealcache.hubspot.json_validation import Json
from dealcache.hubspot.name_search import (
    NameSearch,
    may_be_missed,
    plan_further_searches,
    plan_searches,
    plan_single_searches,
)
from dealcache.hubspot.pages import RecordBatch, RecordPage
from dealcache.model.batches import batches_of
from dealcache.model.deals import Deal, DealKey, choose_deal, name_key


class NameResolver(DealResolver):
    """Finds the deals of names, searching for as many together as fit into a search.

    Names that the search does not find are read by the ids under which they are known elsewhere, because HubSpot's
    search learns of new and renamed deals with a delay; names that a search for a list of names does not find are
    searched one by one, unless their lower case is beyond doubt. Names still unknown are searched once more by their
    words, because HubSpot compares the white space around a name as well.

    What the search finds may be older than the moment of the load. So the deals may be read by their ids too, beside
    their activities.

    Args:
        keys: the names.
        known_ids: ids under which names are known.
        context: that of the load.
        confirm: whether deals that were found are read by their ids.
    """

    def __init__(
        self,
        keys: Collection[DealKey],
        known_ids: Mapping[DealKey, Collection[str]],
        context: LoadContext,
        *,
        confirm: bool = False,
    ) -> None:
        super().__init__(context)
        self._confirms = confirm
        self._keys = keys
        self._known_ids = known_ids
        self._listed: list[NameSearch] = []
        self._by_name: defaultdict[str, list[Deal]] = defaultdict(list)
        self._checked: set[str] = set()

    def resolve(self) -> None:
        """See :class:`DealResolver`."""
        unknown = self._search(plan_searches([key.value for key in self._keys]))
        doubtful = [key.value for key in unknown if may_be_missed(key.value) and self._was_listed(key.value)]
        self._read((one for key in unknown for one in self._known_ids.get(key, ())), self._read_failed)
        unknown = self._search(plan_single_searches(doubtful))
        self._search(plan_further_searches([key.value for key in unknown]))

    def complete(self) -> None:
        """See :class:`DealResolver`."""
        if self._confirms:
            read = {deal.deal_id for deal in self.read_by_id}
            found = (one.deal.deal_id for one in self.found.values() if one.deal.deal_id not in read)
            self._read(found, self._leave_unconfirmed)

    def settle(self) -> set[str]:
        """See :class:`DealResolver`; a name whose deal is gone may be that of another deal, or of none."""
        if not self._checked:
            return set()
        before = {one.deal.deal_id for one in self.found.values()}
        lost = self._choose_again()
        if known := [one for key in lost for one in self._known_ids.get(key, ()) if one not in self._checked]:
            self._read(known, self._read_failed)
            self._context.pool.wait_all()
            self._choose(lost)
        return {one.deal.deal_id for one in self.found.values()} - before

    def _read(self, ids: Iterable[str], fail: Callable[[Collection[str], HubSpotError], None]) -> None:
        """Begin to read deals by their ids; ``fail`` gets those that cannot be read, and why."""
        client, pool = self._context
        for batch in batches_of(dict.fromkeys(ids), BATCH_SIZE):
            read = partial(client.read_records, "deals", batch)
            pool.submit(read, partial(self._add_read, batch, fail), partial(fail, batch))

    def _add_read(
        self, ids: Collection[str], fail: Callable[[Collection[str], HubSpotError], None], batch: RecordBatch[Json]
    ) -> None:
        """Replace the search's version of these deals by the present one."""
        read = self._context.client.mapper.deals(batch.records)
        fail(batch.refused, refused_deal())
        answered = {*ids} - batch.refused
        self._checked |= answered
        outdated = answered.union(deal.deal_id for deal in read)
        for name, deals in self._by_name.items():
            self._by_name[name] = [deal for deal in deals if deal.deal_id not in outdated]
        self.read_by_id = (*self.read_by_id, *read)
        self._add_deals(read)

    def _leave_unconfirmed(self, ids: Iterable[str], _failure: HubSpotError) -> None:
        self.unconfirmed.update(ids)

    def _choose_again(self) -> list[DealKey]:
        """Choose among the deals as they are known now; return the names that no deal has any more."""
        keys = list(self.found)
        self.found.clear()
        self._choose(keys)
        return [key for key in keys if key not in self.found]

    def gone(self, key: DealKey) -> tuple[tuple[str, ...], tuple[Deal, ...]]:
        """See :class:`DealResolver`; a deal with an id that was not asked for is one that others were merged into."""
        asked = dict.fromkeys(self._known_ids.get(key, ()))
        if not asked:
            return (), ()
        read = {deal.deal_id for deal in self.read_by_id}
        others = {one for ids in self._known_ids.values() for one in ids} - asked.keys()
        missing = tuple(one for one in asked if one not in read)
        return missing, tuple(deal for deal in self.read_by_id if deal.deal_id not in others)

    def _search(self, searches: Iterable[NameSearch]) -> list[DealKey]:
        """Run searches, and wait for all pending calls; return the names that are still unknown."""
        for search in searches:
            self._start(search)
        self._context.pool.wait_all()
        self._choose(self._keys)
        return [key for key in self._keys if key not in self.found and key not in self.failures]

    def _choose(self, keys: Iterable[DealKey]) -> None:
        for key in keys:
            choice = choose_deal(key.value, self._by_name.get(name_key(key.value), ()))
            if choice is not None and key not in self.found and key not in self.failures:
                self.found[key] = ResolvedDeal(*choice)

    def _start(self, search: NameSearch) -> None:
        if search.listed:
            self._listed.append(search)
        client, pool = self._context
        pool.submit(
            partial(client.find_deals, search),
            partial(self._add_page, search),
            partial(self._search_failed, search),
        )

    def _was_listed(self, name: str) -> bool:
        return any(search.concerns(name) and name not in search.single for search in self._listed)

    def _add_page(self, search: NameSearch, page: RecordPage) -> None:
        if page.after is not None and len(search.names) > 1:
            # One name has so many deals that those of others may be cut off: each half has more room.
            for half in search.halves():
                self._start(half)
            return
        self._add_deals(self._context.client.mapper.deals(page.records))

    def _add_deals(self, deals: Iterable[Deal]) -> None:
        for deal in deals:
            self._by_name[name_key(deal.deal_name)].append(deal)

    def _search_failed(self, search: NameSearch, failure: HubSpotError) -> None:
        self._fail((key for key in self._keys if search.concerns(key.value)), failure)

    def _read_failed(self, ids: Collection[str], failure: HubSpotError) -> None:
        self._fail((key for key in self._keys if not set(ids).isdisjoint(self._known_ids.get(key, ()))), failure)

    def _fail(self, keys: Iterable[DealKey], failure: HubSpotError) -> None:
        for key in keys:
            if key not in self.found:
                self.failures.setdefault(key, failure)
