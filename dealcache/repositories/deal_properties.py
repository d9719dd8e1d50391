"""The field ``properties`` of documents of deals: the own properties that are configured, those that have a value.

Values are stored by their types, so that MongoDB can compare them: numbers as doubles, days and times as dates, yes and
no as booleans, several options as arrays of texts. What does not fit its type is stored as the text that it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from types import MappingProxyType
from typing import Any

from dealcache.model.deal_properties import PropertyDefinition, PropertyValue, fits, typed_value
from dealcache.model.deals import NO_PROPERTIES, Deal
from dealcache.model.unreadable import UnreadableRecords
from dealcache.repositories.documents import Document, milliseconds
from dealcache.repositories.json_values import json_value


class StoredProperties:
    """Converts the own properties of deals to documents. Without names, documents have no such field.

    Args:
        names: those of the properties.
        definitions: returns the definitions of the properties, as far as they are known.
        unreadable: counts the properties with values that do not fit their types.
    """

    def __init__(
        self,
        names: Sequence[str] = (),
        definitions: Callable[[], Mapping[str, PropertyDefinition]] = dict,
        unreadable: UnreadableRecords | None = None,
    ) -> None:
        self._names = names
        self._definitions = definitions
        self._unreadable = unreadable or UnreadableRecords()
        #: The projection for a document beside the fields that every deal has.
        self.projection: Document = {f"properties.{name}": 1 for name in names}
        #: The projection to compare a document with HubSpot's version of the deal.
        self.compared: Document = {"properties": 1} if names else {}

    def fields(self, deal: Deal, stored: Mapping[str, Any] | None) -> Document:
        """Return the field of a deal; nothing without names.

        Values of other properties stay while the deal is the same version: a process that is configured otherwise has
        read them.

        Args:
            deal: as HubSpot gave it.
            stored: its document; None if there is none.
        """
        if not self._names:
            return {}
        others: Document = {}
        if stored is not None and stored.get("hubspot_updated_at") == milliseconds(deal.hubspot_updated_at):
            others = {name: one for name, one in _values_in(stored).items() if name not in self._names}
        return {"properties": others | self._own(deal)}

    def _own(self, deal: Deal) -> Document:
        definitions, values = self._definitions(), Document()
        for name in self._names:
            if (text := deal.properties.get(name)) is None:
                continue
            definition = definitions.get(name)
            if not fits(text, definition):
                reason = f"a value, such as that of the deal {deal.deal_id}, does not fit its type and stays text"
                self._unreadable.note("properties", name, reason)
            values[name] = stored_value(typed_value(text, definition))
        return values


def stored_value(value: PropertyValue) -> Any:
    """Return a value in the form of documents; days are dates at midnight in UTC."""
    if isinstance(value, datetime):
        return milliseconds(value)
    if isinstance(value, date):
        return datetime.combine(value, time(), UTC)
    return list(value) if isinstance(value, tuple) else value


def property_texts(document: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the properties in a document as HubSpot writes them."""
    values = _values_in(document)
    if not values:
        return NO_PROPERTIES
    return MappingProxyType({name: text for name, value in values.items() if (text := property_text(value))})


def _values_in(document: Mapping[str, Any]) -> Mapping[str, Any]:
    values = document.get("properties")
    return values if isinstance(values, dict) else {}


def property_text(value: object) -> str:
    """Return a stored value as HubSpot writes it; ``""`` if it is none that HubSpot may have."""
    if type(value) is str:  # as most are
        return value
    found = json_value(value)
    if isinstance(found, bool):
        return "true" if found else "false"
    if isinstance(found, list):
        return ";".join(property_text(one) for one in found)
    return str(found) if isinstance(found, str | int | float) else ""
