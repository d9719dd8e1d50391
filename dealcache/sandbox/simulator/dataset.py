"""The CRM that the simulated HubSpot answers from, and the ways to change it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dealcache.sandbox.simulator.account import Account, end_of
from dealcache.sandbox.simulator.associations import End, Label
from dealcache.sandbox.simulator.object_types import CONTACTS, DEALS, object_type_of
from dealcache.sandbox.simulator.records import Properties, Record
from dealcache.sandbox.simulator.timestamps import to_iso, to_milliseconds


class Dataset(Account):
    """Everything that one HubSpot account holds.

    :attr:`owners` and :attr:`pipelines` are in the form of HubSpot's JSON; :attr:`labels` are the association labels
    that the account has made, by the two object types they join.

    Object types are given by name (``"notes"``), singular or type id; record ids as digits or int. Methods may be
    called from any thread, also while a simulator serves the data; callers that need several reads to fit together
    hold :attr:`lock`. Each of :attr:`listeners` is told of every change, in the thread and under the lock of whoever
    made it.

    Args:
        clock: seconds since 1970; dates the changes. A ``Simulator`` puts in its own.
    """

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
        with self.lock:
            record = self._create(object_type, properties, record_id, created_at, modified_at, already_indexed)
            self._tell("creation", end_of(record))
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
                self._link(End(DEALS.name, int(deal_id)), end_of(record))
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
            self._link(end_of(one), end_of(other), labels)

    def disassociate(self, from_type: str, from_id: int | str, to_type: str, to_id: int | str) -> None:
        """Removes an association with its labels; nothing happens when there is none. No modified date changes."""
        with self.lock:
            one = End(object_type_of(from_type).name, int(from_id))
            other = End(object_type_of(to_type).name, int(to_id))
            if self.graph.unlink(one, other):
                self._tell_association(one, other, removed=True)

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
            before = record.properties
            self._change(record, properties, modified_at)
            for name, value in record.properties.items():
                if (value or "") != (before.get(name) or ""):
                    self._tell("propertyChange", end_of(record), name=name, value=value)
            return record

    def archive(self, object_type: str, record_id: int | str) -> None:
        """Moves a record to the recycle bin: only ``archivedAt`` is set, the modified date stays (airbyte#19838).

        Raises:
            UnknownRecord: it does not exist.
        """
        with self.lock:
            record = self.existing(object_type, record_id)
            now = self.clock()
            if self.store(record.type).set_archived(record, to_iso(int(now * 1000)), now):
                self._tell("deletion", end_of(record))

    def restore(self, object_type: str, record_id: int | str) -> None:
        """Takes a record out of the recycle bin, as a person does in HubSpot's UI; its modified date stays.

        Raises:
            UnknownRecord: it does not exist.
        """
        with self.lock:
            record = self.existing(object_type, record_id)
            if self.store(record.type).set_archived(record, None, self.clock()):
                self._tell("restore", end_of(record))

    def erase(self, object_type: str, record_id: int | str) -> None:
        """Deletes a record for good, as a GDPR deletion does: no list, search or recycle bin has it any more.

        Raises:
            UnknownRecord: it does not exist.
        """
        with self.lock:
            record = self.existing(object_type, record_id)
            self.store(record.type).erase(record, self.clock())
            self.graph.cut_off(end_of(record))
            if record.type is CONTACTS:
                self._tell("privacyDeletion", end_of(record))
            self._tell("deletion", end_of(record))

    def merge(
        self, object_type: str, primary_id: int | str, loser_id: int | str, *, keep_primary: bool = False
    ) -> Record:
        """Merges two live records into a new one with a new id, to which both old ids lead from then on.

        The primary's values win where it has any; the merged record gets the associations of both.

        Args:
            object_type: name, singular or type id.
            primary_id: the record whose values win.
            loser_id: the record that is merged away.
            keep_primary: the primary lives on under its own id instead of a new record.

        Raises:
            UnknownRecord: one of them does not exist or is archived.
            ValueError: they are the same record.
        """
        with self.lock:
            primary, loser = self._live(object_type, primary_id), self._live(object_type, loser_id)
            if primary is loser:
                raise ValueError(f"{primary.type.singular} {primary.id} cannot be merged with itself")
            gone = (loser,) if keep_primary else (primary, loser)
            values, moved = _merged_properties(primary, loser, keep_primary=keep_primary)
            now = self.clock()
            if keep_primary:
                self._change(primary, values, None)
                merged = primary
            else:
                created = to_milliseconds(primary.created_at) / 1000
                merged = self._create(primary.type.name, values, created_at=created, modified_at=now)
            for old in gone:
                self.graph.move(end_of(old), end_of(merged))
                self.store(old.type).retire(old, merged.id, now)
            self._tell("merge", end_of(primary), other=end_of(loser), successor=merged.id, moved=moved)
            self._tell("deletion", end_of(loser))
            return merged


def _merged_properties(primary: Record, loser: Record, *, keep_primary: bool) -> tuple[dict[str, str | None], int]:
    """The properties of a merged record, and how many of them come from the record that was merged away."""
    own = {name: value for name, value in primary.properties.items() if value}
    values = dict(loser.properties) | own
    ids = [*primary.all_ids(), *loser.all_ids()]
    # A record that keeps its id is not among those that were merged into it.
    values["hs_merged_object_ids"] = ";".join(ids[1:] if keep_primary else ids)
    return values, sum(1 for name, value in loser.properties.items() if value and name not in own)
