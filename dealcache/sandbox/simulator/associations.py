"""Which record is associated with which, in both directions, and how a client pages through that."""

from __future__ import annotations

import base64
import binascii
import bisect
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import quote, unquote

from dealcache.sandbox.simulator.association_types import HUBSPOT_DEFINED, USER_DEFINED, default_association
from dealcache.sandbox.simulator.object_types import OBJECT_TYPES, ObjectType


class Label(NamedTuple):
    """A label that the account gave to an association, on top of the one that HubSpot defines."""

    type_id: int
    text: str


class End(NamedTuple):
    """One end of an association: the name of the object type and the record's id."""

    type: str
    id: int


class AssociationGraph:
    """The associations of all records. Each is kept at both ends; the ids at an end are sorted."""

    def __init__(self) -> None:
        # By the types at the near and the far end, then by the near record's id: one small list per record and type.
        self._targets: dict[tuple[str, str], dict[int, list[int]]] = {}
        self._labels: dict[End, dict[End, tuple[Label, ...]]] = {}

    def link(self, one: End, other: End, labels: Sequence[Label] = ()) -> bool:
        """Associates two records, or adds labels to an association that exists.

        Returns:
            Whether anything changed.

        Raises:
            ValueError: HubSpot has no association between the two object types.
        """
        if default_association(one.type, other.type) is None:
            raise ValueError(f"{one.type} cannot be associated with {other.type}")
        changed = False
        for near, far in ((one, other), (other, one)):
            ids = self._targets.setdefault((near.type, far.type), {}).setdefault(near.id, [])
            place = bisect.bisect_left(ids, far.id)
            if place == len(ids) or ids[place] != far.id:
                ids.insert(place, far.id)
                changed = True
            if labels:
                known = self._labels.setdefault(near, {})
                before = known.get(far, ())
                known[far] = tuple(dict.fromkeys((*before, *labels)))
                changed = changed or known[far] != before
        return changed

    def unlink(self, one: End, other: End) -> bool:
        """Removes an association with all its labels.

        Returns:
            Whether there was one.
        """
        found = False
        for near, far in ((one, other), (other, one)):
            ids = self._targets.get((near.type, far.type), {}).get(near.id, [])
            place = bisect.bisect_left(ids, far.id)
            if place < len(ids) and ids[place] == far.id:
                del ids[place]
                found = True
            self._labels.get(near, {}).pop(far, None)
        return found

    def targets(self, source: End, to_type: str) -> Sequence[int]:
        """Ids of the records of one type that a record is associated with, ascending. Not to be altered."""
        return self._targets.get((source.type, to_type), {}).get(source.id, ())

    def labels(self, source: End) -> Mapping[End, tuple[Label, ...]]:
        """The account's own labels of a record's associations, by the other record; those without are left out."""
        return self._labels.get(source, {})

    def move(self, old: End, new: End) -> None:
        """Hands all associations of one record over to another of the same type, as a merge does."""
        for target, labels in self.cut_off(old):
            if target != new:
                self.link(new, target, labels)

    def cut_off(self, end: End) -> list[tuple[End, tuple[Label, ...]]]:
        """Removes all associations of a record; returns what they led to, with their labels."""
        targets = [End(kind.name, one) for kind in OBJECT_TYPES for one in self.targets(end, kind.name)]
        known = [(target, self.labels(end).get(target, ())) for target in targets]
        for target in targets:
            self.unlink(end, target)
        return known


def association_types(from_type: str, to_type: str, labels: Sequence[Label]) -> list[dict[str, str | int | None]]:
    """The ``associationTypes`` of one association in v4's JSON: HubSpot's own first, then the account's labels."""
    types: list[dict[str, str | int | None]] = [
        {"category": HUBSPOT_DEFINED, "typeId": default_association(from_type, to_type), "label": None}
    ]
    types += [{"category": USER_DEFINED, "typeId": one.type_id, "label": one.text} for one in labels]
    return types


def page_of(ids: Sequence[int], after: int | None, size: int) -> tuple[Sequence[int], int | None]:
    """One page of sorted ids.

    Args:
        ids: all of them, ascending.
        after: the last id of the page before, None for the first page.
        size: how many at most.

    Returns:
        The ids of the page, and its last id if there are more, else None.
    """
    start = 0 if after is None else bisect.bisect_right(ids, after)
    chosen = ids[start : start + size]
    return chosen, chosen[-1] if start + size < len(ids) else None


def write_cursor(to_type: ObjectType, last_id: int) -> str:
    """The ``after`` of an association page, in the form that HubSpot was seen to use: percent-encoded base64."""
    return quote(base64.b64encode(f"{to_type.type_id}-{last_id}".encode()).decode(), safe="")


def read_cursor(to_type: ObjectType, after: str) -> int:
    """The last id that a cursor of :func:`write_cursor` stands for.

    Raises:
        ValueError: the cursor is not one of ours, or belongs to another object type.
    """
    try:
        plain = base64.b64decode(unquote(after), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ValueError(f"not a cursor: {after!r}") from error
    type_id, _, last_id = plain.rpartition("-")
    if type_id != to_type.type_id or not last_id.isdecimal():
        raise ValueError(f"not a cursor for {to_type.name}: {after!r}")
    return int(last_id)
