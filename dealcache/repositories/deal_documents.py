"""Deals as the fields of documents that MongoDB is to hold."""

from __future__ import annotations

from typing import NamedTuple

from dealcache.model.deals import Deal
from dealcache.repositories.deal_properties import StoredProperties
from dealcache.repositories.documents import COMPARED_DEAL, FOREIGN_CURRENCY, Document, deal_fields
from dealcache.repositories.stage_times import STAGE_TIMES, stage_fields


class DealDocuments(NamedTuple):
    """Converts deals to the fields of documents.

    Args:
        properties: converts their own properties.
        home_currency: the company's currency, None if it is not known.
    """

    properties: StoredProperties
    home_currency: str | None

    @property
    def compared(self) -> Document:
        """The projection with which a document is read to compare it with HubSpot's version of the deal."""
        return COMPARED_DEAL | STAGE_TIMES | self.properties.compared

    def fields(self, deal: Deal, stored: Document | None) -> Document:
        """Return the fields of a deal.

        Args:
            deal: as HubSpot gave it.
            stored: its document; None if there is none.
        """
        is_foreign = deal.currency not in (None, self.home_currency)
        foreign = {FOREIGN_CURRENCY: deal.currency} if is_foreign else {}
        return deal_fields(deal) | foreign | stage_fields(deal) | self.properties.fields(deal, stored)
