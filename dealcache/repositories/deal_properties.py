"""The field ``properties`` of documents of deals: the own properties that are configured, those that have a value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from dealcache.model.deals import NO_PROPERTIES, Deal
from dealcache.repositories.documents import Document, milliseconds
from dealcache.repositories.json_values import json_value


class StoredProperties:
    """Converts the own properties of deals to documents. Without names, documents have no such field.

    Args:
        names: those of the properties.
    """

    def __init__(self, names: Sequence[str] = ()) -> None:
        self._names = names
        #: What to read of a document beside the fields that every deal has.
        self.projection: Document = {f"properties.{name}": 1 for name in names}
        #: What to read of a document to compare it with HubSpot's version of the deal.
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
        return {"properties": others | {name: deal.properties[name] for name in self._names if name in deal.properties}}


def property_texts(document: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the properties in a document as HubSpot writes them."""
    values = _values_in(document)
    if not values:
        return NO_PROPERTIES
    return MappingProxyType({name: text for name, value in values.items() if (text := _text_of(value))})


def _values_in(document: Mapping[str, Any]) -> Mapping[str, Any]:
    values = document.get("properties")
    return values if isinstance(values, dict) else {}


def _text_of(value: object) -> str:
    """Return a stored value as HubSpot writes it; ``""`` if it is none that HubSpot may have."""
    found = json_value(value)
    if isinstance(found, bool):
        return "true" if found else "false"
    if isinstance(found, list):
        return ";".join(_text_of(one) for one in found)
    return str(found) if isinstance(found, str | int | float) else ""
