"""The collection ``deal_properties``: the definitions of own properties, each under its name.

A property that HubSpot does not have is there too, without a definition. Only names that a process is configured with
are read and written by it, so that processes with different ones do not disturb each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

import bson
from pymongo.database import Database

from dealcache.model.deal_properties import PropertyDefinition
from dealcache.repositories.documents import Document, any_date, milliseconds
from dealcache.repositories.newest_wins import newest_wins, write_all

_FIELDS = ("label", "type", "field_type")
_PROJECTION = dict.fromkeys((*_FIELDS, "options", "exists"), 1)
_BY_NAME = [("_id", 1)]


class PropertyDefinitions:
    """Reads and writes the definitions of some properties. Works inside :meth:`.Connection.operation`.

    Args:
        names: those of the properties; without any, MongoDB is not asked.
    """

    def __init__(self, names: Sequence[str] = ()) -> None:
        self._names = tuple(names)
        self._chosen: Document = {"_id": {"$in": list(names)}}

    def raw(self, database: Database[Document]) -> bytes:
        """Return the documents as concatenated BSON."""
        if not self._names:
            return b""
        batches: Any = database.deal_properties.find_raw_batches(self._chosen, _PROJECTION, sort=_BY_NAME)
        return b"".join(batches)

    def read_at(self, database: Database[Document]) -> datetime | None:
        """Return when the definitions were read from HubSpot; None if some never were."""
        found = database.deal_properties.find(self._chosen, {"synced_at": 1}).to_list() if self._names else []
        moments = [any_date(document.get("synced_at")) for document in found]
        known = [moment for moment in moments if moment is not None]
        return min(known) if known and len(known) == len(self._names) else None

    def save(self, database: Database[Document], definitions: Iterable[PropertyDefinition], at: datetime) -> None:
        """Store all definitions that HubSpot has as of ``at``; newer ones are left alone."""
        defined = {one.name: one for one in definitions}
        fields = [_document(name, defined.get(name)) for name in self._names]
        write_all(database.deal_properties, [newest_wins(["_id"], one, milliseconds(at)) for one in fields])


def read_definitions(raw: bytes) -> tuple[Mapping[str, PropertyDefinition], frozenset[str]]:
    """Return the definitions in concatenated BSON by name, and the names of the properties that HubSpot lacks."""
    documents = [document for document in bson.decode_all(raw) if isinstance(document.get("_id"), str)]
    present = {document["_id"]: _definition(document) for document in documents if document.get("exists") is not False}
    return MappingProxyType(present), frozenset(one["_id"] for one in documents) - present.keys()


def _document(name: str, definition: PropertyDefinition | None) -> Document:
    if definition is None:
        return {"_id": name, "exists": False}
    options = [{"value": value, "label": label} for value, label in definition.options.items()]
    fields = {field: getattr(definition, field) for field in _FIELDS}
    return {"_id": name, "exists": True, **fields, "options": options}


def _definition(document: Mapping[str, Any]) -> PropertyDefinition:
    """Return a document as a definition; what another system has damaged counts as missing."""
    label, kind, field_type = (_text(document.get(field)) for field in _FIELDS)
    listed = document.get("options")
    options = [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else []
    labels = {value: _text(one.get("label")) or value for one in options if (value := _text(one.get("value")))}
    name = document["_id"]
    return PropertyDefinition(name, label or name, kind or "string", field_type, MappingProxyType(labels))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
