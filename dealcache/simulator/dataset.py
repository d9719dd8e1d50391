"""The CRM that the simulated HubSpot answers from, and the ways to change it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dealcache.simulator.associations import AssociationGraph, End, Label
from dealcache.simulator.moments import to_iso, to_milliseconds
from dealcache.simulator.object_types import DEALS, OBJECT_TYPES, ObjectType, object_type_of
from dealcache.simulator.property_values import derive_properties
from dealcache.simulator.records import SINCE_EVER, Properties, Record, RecordStore, Version


class UnknownRecord(LookupError):  # noqa: N818 - says what is wrong, as HubSpot's OBJECT_NOT_FOUND does
    """There is no record of this type and id in the state that the change needs."""


class Dataset:
    """Everything that one HubSpot account holds.

    :attr:`owners` and :attr:`pipelines` are in the form of HubSpot's JSON; :attr:`labels` are the association labels
    that the account has made, by the two object types they join.

    Object types are given by name (``"notes"``), singular or type id; record ids as digits or int. Methods may be
    called from any thread, also while a simulator serves the data; callers that need several reads to fit together
    hold :attr:`lock`.

    Args:
        clock: seconds since 1970; dates the changes. A :class:`~dealcache.simulator.Simulator` puts in its own.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self.owners: list[dict[str, Any]] = []
        self.pipelines: list[dict[str, Any]] = []
        self.labels: dict[frozenset[str], list[Label]] = {}
        self.graph = AssociationGraph()
        self._stores = {kind.name: RecordStore(kind) for kind in OBJECT_TYPES}

    def store(self, kind: ObjectType) -> RecordStore:
        """The records of one type, for reading under :attr:`lock`."""
        return self._stores[kind.name]

    def create(
        self,
        object_type: str,
        properties: Properties,
        *,
        record_id: int | str | None = None,
        created_at: float | None = None,
        modified_at: float | None = None,
        already_indexed: bool = False,
    ) -> Record:
        """Adds a record with properties as they are: unlike over HTTP nothing is checked, so ``""`` stays ``""``.

        Args:
            object_type: name, singular or type id.
            properties: values as HubSpot would give them out.
            record_id: made up when left out.
            created_at: seconds since 1970; now when left out.
            modified_at: the same for ``hs_lastmodifieddate``; the time of creation when left out.
            already_indexed: search finds it however far behind it is.

        Raises:
            ValueError: the id is taken.
        """
        kind = object_type_of(object_type)
        with self.lock:
            now = self.clock()
            store = self._stores[kind.name]
            number = store.next_id() if record_id is None else int(record_id)
            created = to_iso(int((now if created_at is None else created_at) * 1000))
            modified = created if modified_at is None else to_iso(int(modified_at * 1000))
            values = dict(properties)
            values |= {"hs_object_id": str(number), "hs_lastmodifieddate": modified, "hs_createdate": created}
            if kind is DEALS:
                values.setdefault("createdate", created)
            values |= derive_properties(kind, values, self._stages)
            version = Version(SINCE_EVER if already_indexed else now, values)
            record = Record(kind, number, values, created, [version])
            store.insert(record)
            return record

    def add_deal(self, name: str | None, properties: Properties | None = None, **options: Any) -> str:
        """Adds a deal, in the first stage of the first pipeline unless ``properties`` say otherwise.

        Args:
            name: ``dealname``.
            properties: further properties.
            options: those of :meth:`create`.

        Returns:
            Its id.
        """
        values: dict[str, str | None] = {"dealname": name}
        if self.pipelines:
            values["pipeline"] = self.pipelines[0]["id"]
            values["dealstage"] = self.pipelines[0]["stages"][0]["id"]
        return str(self.create(DEALS.name, {**values, **(properties or {})}, **options).id)

    def add_activity(
        self,
        object_type: str,
        properties: Properties | None = None,
        *,
        deals: Sequence[int | str] = (),
        **options: Any,
    ) -> str:
        """Adds an activity and associates it with ``deals``; happens now unless it has an ``hs_timestamp``.

        Returns:
            Its id; ``options`` are those of :meth:`create`.
        """
        with self.lock:
            values = {"hs_timestamp": to_iso(int(self.clock() * 1000)), **(properties or {})}
            record = self.create(object_type, values, **options)
            for deal_id in deals:
                self.graph.link(End(DEALS.name, int(deal_id)), End(record.type.name, record.id))
            return str(record.id)

    def associate(
        self,
        from_type: str,
        from_id: int | str,
        to_type: str,
        to_id: int | str,
        labels: Sequence[Label] = (),
    ) -> None:
        """Associates two records. Neither's modified date changes (airbyte#27199).

        Raises:
            UnknownRecord: one of them does not exist or is archived.
            ValueError: HubSpot has no association between the two object types.
        """
        with self.lock:
            one, other = self._live(from_type, from_id), self._live(to_type, to_id)
            self.graph.link(End(one.type.name, one.id), End(other.type.name, other.id), labels)

    def disassociate(self, from_type: str, from_id: int | str, to_type: str, to_id: int | str) -> None:
        """Removes an association with its labels; nothing happens when there is none. No modified date changes."""
        with self.lock:
            one = End(object_type_of(from_type).name, int(from_id))
            self.graph.unlink(one, End(object_type_of(to_type).name, int(to_id)))

    def update(
        self,
        object_type: str,
        record_id: int | str,
        properties: Properties,
        *,
        modified_at: float | None = None,
    ) -> Record:
        """Changes properties of a live record and its modified date.

        Args:
            object_type: name, singular or type id.
            record_id: ids that were merged away reach the record they were merged into.
            properties: new values, as they are.
            modified_at: what ``hs_lastmodifieddate`` becomes, seconds since 1970; now when left out.

        Raises:
            UnknownRecord: it does not exist or is archived.
        """
        with self.lock:
            record = self._live(object_type, record_id)
            now = self.clock()
            modified = to_iso(int((now if modified_at is None else modified_at) * 1000))
            values = {**record.properties, **properties, "hs_lastmodifieddate": modified}
            values |= derive_properties(record.type, values, self._stages)
            self.store(record.type).change(record, values, now)
            return record

    def archive(self, object_type: str, record_id: int | str) -> None:
        """Moves a record to the recycle bin: only ``archivedAt`` is set, the modified date stays (airbyte#19838).

        Raises:
            UnknownRecord: it does not exist.
        """
        with self.lock:
            record = self.existing(object_type, record_id)
            now = self.clock()
            self.store(record.type).set_archived(record, to_iso(int(now * 1000)), now)

    def restore(self, object_type: str, record_id: int | str) -> None:
        """Takes a record out of the recycle bin, as a person does in HubSpot's UI; its modified date stays.

        Raises:
            UnknownRecord: it does not exist.
        """
        with self.lock:
            record = self.existing(object_type, record_id)
            self.store(record.type).set_archived(record, None, self.clock())

    def merge(self, object_type: str, primary_id: int | str, loser_id: int | str) -> Record:
        """Merges two live records into a new one with a new id, to which both old ids lead from then on.

        The primary's values win where it has any; the new record gets the associations of both.

        Raises:
            UnknownRecord: one of them does not exist or is archived.
            ValueError: they are the same record.
        """
        with self.lock:
            primary, loser = self._live(object_type, primary_id), self._live(object_type, loser_id)
            if primary is loser:
                raise ValueError(f"{primary.type.singular} {primary.id} cannot be merged with itself")
            values = dict(loser.properties) | {k: v for k, v in primary.properties.items() if v}
            values["hs_merged_object_ids"] = ";".join((*primary.all_ids(), *loser.all_ids()))
            created = to_milliseconds(primary.created_at) / 1000
            now = self.clock()
            merged = self.create(primary.type.name, values, created_at=created, modified_at=now)
            for old in (primary, loser):
                self.graph.move(End(old.type.name, old.id), End(merged.type.name, merged.id))
                self.store(old.type).retire(old, merged.id, now)
            return merged

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

    def _stages(self) -> Mapping[str, tuple[str, str]]:
        return {
            stage["id"]: (stage["metadata"]["isClosed"], stage["metadata"]["probability"])
            for pipeline in self.pipelines
            for stage in pipeline["stages"]
        }
