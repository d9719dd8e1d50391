"""Finds the deals that a load is for, the one of an id among them: its first round trips."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import partial
from typing import NamedTuple

from dealcache.hubspot.client import HubSpotClient
from dealcache.hubspot.errors import HubSpotError, Unavailable
from dealcache.hubspot.json_validation import Json
from dealcache.hubspot.name_search import forms, plan_single_searches
from dealcache.hubspot.pages import RecordBatch, RecordPage
from dealcache.hubspot.worker_pool import WorkerPool
from dealcache.model.deals import NAME_LENGTH, Deal, DealKey, bare_name, choose_deal


class LoadContext(NamedTuple):
    """The client and the threads of one load."""

    client: HubSpotClient
    pool: WorkerPool


class ResolvedDeal(NamedTuple):
    """The deal that a key names, and the others of its name."""

    deal: Deal
    homonyms: tuple[Deal, ...] = ()


class DealResolver(ABC):
    """Base of the resolvers.

    Attributes:
        found: the deals that were found, by key.
        failures: the keys of which it is not known whether there is a deal.
        read_by_id: deals that were read by their ids, as HubSpot has them now.
        unconfirmed: ids of deals that could not be read by their ids, so that they are as the search has them.
    """

    def __init__(self, context: LoadContext) -> None:
        self._context = context
        self.found: dict[DealKey, ResolvedDeal] = {}
        self.failures: dict[DealKey, HubSpotError] = {}
        self.read_by_id: tuple[Deal, ...] = ()
        self.unconfirmed: set[str] = set()

    @abstractmethod
    def resolve(self) -> None:
        """Find the deals, so that their activities can be read."""

    @abstractmethod
    def complete(self) -> None:
        """Begin the calls that may run beside the reads of activities."""

    def settle(self) -> set[str]:
        """Apply the results of these calls; return the deals found by them."""
        return set()

    def gone(self, key: DealKey) -> tuple[tuple[str, ...], tuple[Deal, ...]]:
        """Return what happened to the deals that ``key``, which was not found, was believed to name.

        Returns:
            The ids that HubSpot no longer has, and the deals that now have another name.
        """
        return (key.value,), ()


class IdResolver(DealResolver):
    """Finds the deal of an id; the others of its name are searched while its activities are read.

    Args:
        key: the id.
        context: that of the load.
    """

    def __init__(self, key: DealKey, context: LoadContext) -> None:
        super().__init__(context)
        self._key = key

    def resolve(self) -> None:
        """See :class:`DealResolver`."""
        client, pool = self._context
        read = partial(client.read_records, "deals", (self._key.value,))
        pool.submit(read, self._set_deal, self._fail)
        pool.wait_all()

    def complete(self) -> None:
        """See :class:`DealResolver`: search the others of its name."""
        found = self.found.get(self._key)
        if found is not None and 0 < len(name := bare_name(found.deal.deal_name)) <= NAME_LENGTH:
            client, pool = self._context
            for search in plan_single_searches((*forms(name), found.deal.deal_name)):
                pool.submit(partial(client.find_deals, search), self._add_homonyms, self._fail)

    def _set_deal(self, batch: RecordBatch[Json]) -> None:
        # A deal that was merged into another comes as that other, under its id.
        if deals := self._context.client.mapper.deals(batch.records):
            self.found[self._key] = ResolvedDeal(deals[0])
        elif batch.refused:
            self._fail(refused_deal())

    def _add_homonyms(self, page: RecordPage) -> None:
        deal, homonyms = self.found[self._key]
        read = self._context.client.mapper.deals(page.records)
        choice = choose_deal(deal.deal_name, (*homonyms, *(other for other in read if other.deal_id != deal.deal_id)))
        if choice is not None:
            self.found[self._key] = ResolvedDeal(deal, (choice[0], *choice[1]))

    def _fail(self, failure: HubSpotError) -> None:
        self.failures.setdefault(self._key, failure)
        self._context.pool.cancel_all()


def refused_deal() -> HubSpotError:
    """Return the failure of a load whose deal HubSpot has, or may have, and refuses to return."""
    return Unavailable("HubSpot does not return this deal")
