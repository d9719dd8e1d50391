"""The collections ``pipelines``, ``owners`` and ``deal_properties``: labels of what is in deals and events.

Nothing is deleted: labels that are gone from HubSpot stay as archived, because deals and old activities still use them.
A property that HubSpot does not have is in ``deal_properties`` without a definition. Only names that a process is
configured with are read and written by it, so that processes with different ones do not disturb each other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

import bson
from pymongo.collection import Collection

from dealcache.model.deal_properties import PropertyDefinition
from dealcache.model.labels import Labels, Owner
from dealcache.model.pipelines import Pipeline
from dealcache.repositories.connection import Connection, Repository
from dealcache.repositories.documents import (
    Document,
    any_date,
    milliseconds,
    pipeline_fields,
)
from dealcache.repositories.record_documents import OWNERS, PIPELINES, read_records
from dealcache.repositories.writes.newest_wins import write_all_newest

_BY_ID = [("owner_id", 1)]
_DISPLAY_ORDER = [("display_order", 1), ("pipeline_id", 1)]
_NEWEST_FIRST = [("synced_at", -1)]
_OF_OWNERS = {"_id": 0} | dict.fromkeys(("owner_id", "name", "archived"), 1)
_OF_PIPELINES = {"_id": 0} | dict.fromkeys(("pipeline_id", "label", "display_order", "stages", "archived"), 1)
_BY_NAME = [("_id", 1)]
_DEFINED = ("label", "type", "field_type")
_OF_PROPERTIES = dict.fromkeys((*_DEFINED, "options", "exists"), 1)
_BATCH_SIZE = 1_000


class LabelSnapshot(NamedTuple):
    """All known labels, and a digest of their content, which is the same in all processes."""

    labels: Labels
    digest: str


class LabelRepository(Repository):
    """Reads and writes labels.

    Args:
        property_names: the own properties of deals; without any, MongoDB is not asked for them.
    """

    def __init__(self, connection: Connection, property_names: Sequence[str] = ()) -> None:
        super().__init__(connection)
        self._property_names = tuple(property_names)
        self._chosen: Document = {"_id": {"$in": list(property_names)}}
        self._snapshot: LabelSnapshot | None = None

    def read(self) -> Labels:
        """Return all known labels, those of archived owners, pipelines and stages included."""
        return self.snapshot().labels

    def snapshot(self) -> LabelSnapshot:
        """Return the same with a digest of its content; labels that did not change are not decoded again."""
        with self._connection.operation() as database:
            owners = _raw(database.owners, _OF_OWNERS, _BY_ID)
            pipelines = _raw(database.pipelines, _OF_PIPELINES, _DISPLAY_ORDER)
            properties = b""
            if self._property_names:
                properties = _raw(database.deal_properties, _OF_PROPERTIES, _BY_NAME, self._chosen)
            digest = hashlib.blake2b(owners + pipelines + properties, digest_size=12).hexdigest()
            known = self._snapshot
            if known is not None and known.digest == digest:
                return known
            found = [bson.decode_all(raw, database.codec_options) for raw in (owners, pipelines)]
        unreadable = self._connection.unreadable
        defined, absent = _definitions(properties)
        labels = Labels(
            tuple(read_records(OWNERS, found[0], unreadable)),
            tuple(read_records(PIPELINES, found[1], unreadable)),
            properties=defined,
            absent_properties=absent,
        )
        self._snapshot = snapshot = LabelSnapshot(labels, digest)
        return snapshot

    def read_at(self) -> datetime | None:
        """Return when the owners and pipelines were read from HubSpot; None if some never were."""
        with self._connection.operation() as database:
            both = (database.owners, database.pipelines)
            newest = [one.find_one({}, {"synced_at": 1}, sort=_NEWEST_FIRST) for one in both]
        return _earliest_reading(newest, len(both))

    def properties_read_at(self) -> datetime | None:
        """Return when the definitions of own properties were read from HubSpot; None if some never were."""
        if not self._property_names:
            return None
        found = self._find("deal_properties", self._chosen, {"synced_at": 1})
        return _earliest_reading(found, len(self._property_names))

    def save_properties(self, definitions: Iterable[PropertyDefinition], at: datetime) -> None:
        """Store the definitions of all own properties that HubSpot has as of ``at``; newer ones are left alone."""
        defined = {one.name: one for one in definitions}
        fields = [_definition_fields(name, defined.get(name)) for name in self._property_names]
        with self._connection.operation() as database:
            write_all_newest(database.deal_properties, "_id", fields, milliseconds(at))

    def save_owners(self, owners: Iterable[Owner], at: datetime) -> None:
        """Store all owners as of ``at``, the time just before HubSpot was asked.

        Owners that are gone are marked as archived, newer versions are left alone.
        """
        with self._connection.operation() as database:
            _save(database.owners, "owner_id", list(map(asdict, owners)), at)

    def save_pipelines(self, pipelines: Iterable[Pipeline], at: datetime) -> None:
        """Do for pipelines and their stages what :meth:`save_owners` does for owners."""
        given = list(pipelines)
        ids = [pipeline.pipeline_id for pipeline in given]
        with self._connection.operation() as database:
            found = database.pipelines.find({"pipeline_id": {"$in": ids}}).to_list()
            stored = {one.pipeline_id: one for one in read_records(PIPELINES, found, self._connection.unreadable)}
            fields = [pipeline_fields(_with_former_stages(one, stored.get(one.pipeline_id))) for one in given]
            _save(database.pipelines, "pipeline_id", fields, at)


def _raw(
    collection: Collection[Document],
    projection: Document,
    order: Sequence[tuple[str, int]],
    condition: Document | None = None,
) -> bytes:
    """Return all documents, or those for which ``condition`` holds, as concatenated BSON."""
    batches: Any = collection.find_raw_batches(condition or {}, projection, sort=list(order), batch_size=_BATCH_SIZE)
    return b"".join(batches)


def _earliest_reading(documents: Iterable[Document | None], number: int) -> datetime | None:
    moments = [moment for one in documents if (moment := any_date((one or {}).get("synced_at"))) is not None]
    return min(moments) if len(moments) == number else None


def _with_former_stages(pipeline: Pipeline, stored: Pipeline | None) -> Pipeline:
    """Return the pipeline with its former stages as archived ones."""
    if stored is None:
        return pipeline
    present = {stage.stage_id for stage in pipeline.stages}
    former = (replace(stage, archived=True) for stage in stored.stages if stage.stage_id not in present)
    return replace(pipeline, stages=(*pipeline.stages, *former))


def _save(collection: Collection[Document], key: str, given: Sequence[Mapping[str, object]], at: datetime) -> None:
    synced_at = milliseconds(at)
    write_all_newest(collection, key, given, synced_at)
    gone = {key: {"$nin": [fields[key] for fields in given]}, "synced_at": {"$lt": synced_at}}
    collection.update_many(gone, {"$set": {"archived": True, "synced_at": synced_at}})


def _definitions(raw: bytes) -> tuple[Mapping[str, PropertyDefinition], frozenset[str]]:
    """Return the definitions in concatenated BSON by name, and the names of the properties that HubSpot lacks."""
    documents = [document for document in bson.decode_all(raw) if isinstance(document.get("_id"), str)]
    present = {document["_id"]: _definition(document) for document in documents if document.get("exists") is not False}
    return MappingProxyType(present), frozenset(one["_id"] for one in documents) - present.keys()


def _definition_fields(name: str, definition: PropertyDefinition | None) -> Document:
    if definition is None:
        return {"_id": name, "exists": False}
    options = [{"value": value, "label": label} for value, label in definition.options.items()]
    fields = {field: getattr(definition, field) for field in _DEFINED}
    return {"_id": name, "exists": True, **fields, "options": options}


def _definition(document: Mapping[str, Any]) -> PropertyDefinition:
    """Return a document as a definition; what another system has damaged counts as missing."""
    label, kind, field_type = (_text(document.get(field)) for field in _DEFINED)
    listed = document.get("options")
    options = [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else []
    labels = {value: _text(one.get("label")) or value for one in options if (value := _text(one.get("value")))}
    name = document["_id"]
    return PropertyDefinition(name, label or name, kind or "string", field_type, MappingProxyType(labels))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
