"""Maps records one by one, and reports those that cannot be read, so that the others of a page are not lost."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from typing import Any, TypeVar

from dealcache.hubspot.deal_properties import DealProperties
from dealcache.hubspot.errors import MalformedAnswer
from dealcache.hubspot.json_validation import Json, usable_id
from dealcache.hubspot.mapping import deal_of, definition_of, event_of, owner_of, pipeline_of
from dealcache.hubspot.people import person_of
from dealcache.model.deal_properties import PropertyDefinition
from dealcache.model.deals import Deal, Event
from dealcache.model.labels import Owner
from dealcache.model.people import Person
from dealcache.model.pipelines import Pipeline
from dealcache.model.unreadable import UnreadableRecords

log = logging.getLogger(__name__)

T = TypeVar("T")

#: A page of this many items contains a record, or is no page of records.
_MOST_WITHOUT_ID = 10


class RecordMapper:
    """The error boundary around each record from HubSpot: no method raises because of the contents of one record.

    Args:
        unreadable: reports the records that cannot be read.
        deal_properties: names the properties that are read with deals.
    """

    def __init__(
        self, unreadable: UnreadableRecords | None = None, deal_properties: DealProperties | None = None
    ) -> None:
        self._unreadable = unreadable or UnreadableRecords()
        self.deal_properties = deal_properties or DealProperties()
        self._without_rate: set[str] = set()

    def identified(self, record_type: str, items: Sequence[Any]) -> list[Json]:
        """Return those of a page's ``items`` that are records with an id.

        Raises:
            MalformedAnswer: there are many items and none is a record: the format has changed, and records missing from
                it must not be taken for deleted.
        """
        found = [record for item in items if (record := _identified(item)) is not None]
        if not found and len(items) >= _MOST_WITHOUT_ID:
            raise MalformedAnswer(f"a page of {record_type} has no record with an id")
        if len(found) < len(items):
            self._unreadable.note(record_type, None, "it is left out")
        return found

    def refused(self, record_type: str, record_id: str, category: str) -> None:
        """Note that HubSpot does not return a record; ``category`` is that of its error."""
        self._unreadable.note(record_type, record_id, f"HubSpot does not return it ({category})")

    def deals(self, records: Iterable[Json]) -> list[Deal]:
        """Return the deals that ``records`` describe, each as far as it can be read."""
        further = self.deal_properties.further()

        def convert(record: Json, faults: list[str]) -> Deal:
            told = record.get("properties")
            deal = deal_of(record, faults, further)
            return self.deal_properties.with_times(deal, told if isinstance(told, dict) else (), faults)

        found = self._mapped("deals", records, convert)
        for deal in found:
            if deal.currency is not None and deal.amount is not None and deal.amount_in_home_currency is None:
                self._note_without_rate(deal.currency)
        return found

    def _note_without_rate(self, currency: str) -> None:
        """Log that the account has no exchange rate for a currency, once for each."""
        if currency not in self._without_rate:
            self._without_rate.add(currency)
            log.warning("HubSpot has no exchange rate for %s: amount_in_home_currency of such deals is null", currency)

    def events(self, engagement_type: str, records: Iterable[Json]) -> list[Event]:
        """Return the events that ``records``, activities of one type, describe; those without any time are left out."""
        return self._mapped(engagement_type, records, partial(event_of, engagement_type))

    def people(self, object_type: str, records: Iterable[Json]) -> list[Person]:
        """Return the people that ``records`` of ``contacts`` or ``companies`` describe."""
        return self._mapped(object_type, records, partial(person_of, object_type))

    def owners(self, owners: Iterable[Json]) -> tuple[Owner, ...]:
        """Return the owners that ``owners`` describe."""
        return tuple(self._mapped("owners", owners, owner_of))

    def pipelines(self, pipelines: Iterable[Json]) -> tuple[Pipeline, ...]:
        """Return the pipelines in display order, each with its stages in display order."""
        found = self._mapped("pipelines", pipelines, pipeline_of)
        return tuple(sorted(found, key=lambda pipeline: (pipeline.display_order, pipeline.pipeline_id)))

    def properties(self, records: Iterable[Json], names: Collection[str]) -> tuple[PropertyDefinition, ...]:
        """Return the definitions of the properties with these names among ``records``."""
        return tuple(self._mapped("properties", [one for one in records if one["name"] in names], definition_of))

    def _mapped(self, record_type: str, records: Iterable[Json], convert: Callable[[Json, list[str]], T]) -> list[T]:
        found: list[T] = []
        for record in records:
            faults: list[str] = []
            try:
                found.append(convert(record, faults))
            except Exception as error:  # noqa: BLE001 - the boundary around a record
                reason = f"it cannot be read ({type(error).__name__}) and is left out"
                self._unreadable.note(record_type, usable_id(record.get("id")), reason)
                continue
            if faults:
                names = ", ".join(dict.fromkeys(faults))
                self._unreadable.note(record_type, usable_id(record.get("id")), f"not all of it can be read: {names}")
        return found


def _identified(item: object) -> Json | None:
    """Return the record that ``item`` is, if any; one whose own id is damaged may have it among its properties."""
    if not isinstance(item, dict):
        return None
    if usable_id(item.get("id")) is not None:
        return item
    properties = item.get("properties")
    inner = usable_id(properties.get("hs_object_id")) if isinstance(properties, dict) else None
    return None if inner is None else item | {"id": inner}
