"""A simulated HubSpot account: its records, their associations, and the listeners for its changes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dealcache.sandbox.simulator.associations import AssociationGraph, End, Label
from dealcache.sandbox.simulator.changes import Change, Happening, Listener
from dealcache.sandbox.simulator.currencies import CURRENCY_CODE, IN_HOME_CURRENCY, Currencies
from dealcache.sandbox.simulator.object_types import (
    DEALS,
    OBJECT_TYPES,
    ObjectType,
    PropertyKind,
    object_type_of,
)
from dealcache.sandbox.simulator.own_properties import OwnProperties, kinds_of
from dealcache.sandbox.simulator.property_values import derive_properties
from dealcache.sandbox.simulator.records import SINCE_EVER, Properties, Record, RecordStore
from dealcache.sandbox.simulator.stage_properties import stage_times
from dealcache.sandbox.simulator.timestamps import to_iso


class UnknownRecord(LookupError):  # noqa: N818 - says what is wrong, as HubSpot's OBJECT_NOT_FOUND does
    """There is no record of this type and id in the state that the change needs."""


class Account:
    """The parts of a ``Dataset``, which adds the ways to change them.

    Args:
        clock: seconds since 1970; dates the changes.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self.owners: list[dict[str, Any]] = []
        self.pipelines: list[dict[str, Any]] = []
        self.own_properties: OwnProperties = {}
        self.labels: dict[frozenset[str], list[Label]] = {}
        self.currencies = Currencies()
        self.graph = AssociationGraph()
        self.listeners: list[Listener] = []
        self._stores = {kind.name: RecordStore(kind) for kind in OBJECT_TYPES}

    def store(self, kind: ObjectType) -> RecordStore:
        """The records of one type, for reading under :attr:`lock`."""
        return self._stores[kind.name]

    def properties_of(self, kind: ObjectType) -> Mapping[str, PropertyKind]:
        """The properties of one type that are defined, by name."""
        return {**kind.properties, **kinds_of(self.own_properties)} if kind is DEALS else kind.properties

    def existing(self, object_type: str, record_id: int | str) -> Record:
        """The record, live or archived; ids that were merged away reach the record they were merged into.

        Raises:
            UnknownRecord: there is none.
        """
        kind = object_type_of(object_type)
        record = self.store(kind).get(int(record_id))
        if record is None:
            raise UnknownRecord(f"no {kind.singular} {record_id}")
        return record

    def _live(self, object_type: str, record_id: int | str) -> Record:
        record = self.existing(object_type, record_id)
        if record.state != "live":
            raise UnknownRecord(f"{record.type.singular} {record_id} is archived")
        return record

    def _create(
        self,
        object_type: str,
        properties: Properties,
        record_id: int | str | None = None,
        created_at: float | None = None,
        modified_at: float | None = None,
        already_indexed: bool = False,
    ) -> Record:
        kind, now = object_type_of(object_type), self.clock()
        store = self._stores[kind.name]
        number = store.next_id() if record_id is None else int(record_id)
        created = to_iso(int((now if created_at is None else created_at) * 1000))
        modified = created if modified_at is None else to_iso(int(modified_at * 1000))
        values = dict(properties)
        values |= {"hs_object_id": str(number), "hs_lastmodifieddate": modified, "hs_createdate": created}
        values.setdefault(kind.created_property, created)
        values[kind.modified_property] = modified
        if kind is DEALS:
            values |= stage_times({}, values, created)
        values |= derive_properties(kind, values, self._stages) | self._in_home_currency(values, properties)
        record = Record(kind, number, values, created, SINCE_EVER if already_indexed else now)
        store.insert(record)
        return record

    def _change(self, record: Record, properties: Properties, modified_at: float | None) -> None:
        now = self.clock()
        modified = to_iso(int((now if modified_at is None else modified_at) * 1000))
        values = {**record.properties, **properties, "hs_lastmodifieddate": modified}
        values[record.type.modified_property] = modified
        values |= derive_properties(record.type, values, self._stages) | self._in_home_currency(values, properties)
        if record.type is DEALS:
            values |= stage_times(record.properties, values, modified)
        self.store(record.type).change(record, values, now)

    def _link(self, one: End, other: End, labels: Sequence[Label] = ()) -> None:
        if self.graph.link(one, other, labels):
            self._tell_association(one, other, removed=False)

    def _in_home_currency(self, values: Properties, written: Properties) -> dict[str, str | None]:
        """Works out the amount of a deal with a currency in the company's, unless one of its own is written."""
        code = values.get(CURRENCY_CODE)
        if IN_HOME_CURRENCY in written or (not code and not values.get(IN_HOME_CURRENCY)):
            return {}
        return {IN_HOME_CURRENCY: self.currencies.at_home(values.get("amount"), code) if code else None}

    def _stages(self) -> Mapping[str, tuple[str, str]]:
        return {
            stage["id"]: (stage["metadata"]["isClosed"], stage["metadata"]["probability"])
            for pipeline in self.pipelines
            for stage in pipeline["stages"]
        }

    def _tell(self, what: Happening, record: End, **details: Any) -> None:
        if self.listeners:
            change = Change(what, record, int(self.clock() * 1000), **details)
            for listener in self.listeners:
                listener(change)

    def _tell_association(self, one: End, other: End, *, removed: bool) -> None:
        """HubSpot sends a message for each direction, to those who subscribed to the type at its start."""
        for near, far in ((one, other), (other, one)):
            self._tell("associationChange", near, other=far, removed=removed)


def end_of(record: Record) -> End:
    """A record as one end of an association."""
    return End(record.type.name, record.id)
