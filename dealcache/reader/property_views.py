"""Own properties of deals as clients see them: by their definitions in HubSpot. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from dealcache.model.deal_properties import PropertyDefinition, PropertyValue, typed_value
from dealcache.model.labels import Labels
from dealcache.model.timestamps import timestamp
from dealcache.repositories import property_text


def definitions_of(names: Sequence[str], labels: Labels) -> dict[str, PropertyDefinition]:
    """Return the definitions of the configured properties, in the order of ``names``.

    Properties that HubSpot does not have are left out; those of which nothing is known yet count as texts.
    """
    return {
        name: labels.properties.get(name) or PropertyDefinition(name, name, "string")
        for name in names
        if name not in labels.absent_properties
    }


def shown_properties(
    texts: Mapping[str, str], definitions: Mapping[str, PropertyDefinition]
) -> dict[str, dict[str, Any]]:
    """Return the properties of a deal by name, each with its label, its type and its value.

    Args:
        texts: the values as HubSpot writes them; properties without one are shown with null.
        definitions: those of the properties to show.
    """
    get = texts.get
    return {name: shown_property(get(name), definition) for name, definition in definitions.items()}


def shown_property(text: str | None, definition: PropertyDefinition) -> dict[str, Any]:
    """Return one property; a value of options has their labels beside it."""
    kind = definition.type
    value = None if text is None else typed_value(text, definition)
    shown: dict[str, Any] = {"label": definition.label, "type": kind, "value": json_form(value)}
    if kind == "enumeration":
        shown["value_label"] = _label_of(value, definition.options)
    return shown


class ListedProperties:
    """Shows the own properties of the deals of one list: a value that several deals have is converted once.

    Args:
        definitions: those of the properties to show.
    """

    def __init__(self, definitions: Mapping[str, PropertyDefinition]) -> None:
        self._shown: list[tuple[str, PropertyDefinition, dict[object, dict[str, Any]]]] = [
            (name, definition, {}) for name, definition in definitions.items()
        ]

    def of(self, stored: object) -> dict[str, dict[str, Any]]:
        """Return what :func:`shown_properties` returns; ``stored`` is the field ``properties`` of a document."""
        values = stored if isinstance(stored, dict) else {}
        properties: dict[str, dict[str, Any]] = {}
        for name, definition, shown in self._shown:
            value = values.get(name)
            kind = type(value)
            # True, 1 and 1.0 are equal.
            key = value if kind is str else (kind, tuple(value)) if isinstance(value, list) else (kind, value)
            try:
                properties[name] = shown[key]
            except KeyError:
                properties[name] = shown[key] = _of_stored(value, definition)
            except TypeError:  # another system's value, such as a document, which cannot be a key
                properties[name] = _of_stored(value, definition)
        return properties


def _of_stored(value: object, definition: PropertyDefinition) -> dict[str, Any]:
    return shown_property(property_text(value) or None, definition)


def json_form(value: PropertyValue | None) -> Any:
    """Return a value as JSON has it: a day as ``YYYY-MM-DD``, a time in UTC, several options as a list."""
    if value is None or type(value) is str:  # as most are
        return value
    if isinstance(value, datetime):
        return timestamp(value)
    if isinstance(value, date):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value


def _label_of(value: PropertyValue | None, options: Mapping[str, str]) -> Any:
    """Return the label of an option, or those of several; an option that has gone from HubSpot is its own label."""
    if type(value) is str:
        return options.get(value, value)
    return [options.get(one, one) for one in value] if isinstance(value, tuple) else value


def cell_of(property_shown: Mapping[str, Any]) -> Any:
    """Return a property of :func:`shown_property` as a cell of a table: its label, those of several options joined."""
    value = property_shown.get("value_label", property_shown["value"])
    return "; ".join(value) if isinstance(value, list) else value
