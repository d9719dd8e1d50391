"""Changes of stored deals, and the invalidations of cached deals that follow from them. Plain values."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from dealcache.model.deals import name_key

#: The views of a deal, by the names that clients know them by.
INFO = "info"
TIMELINE = "timeline"
ACTIVITIES_COUNT = "activities_count"

#: All of them, in the order in which clients learn of them.
ALL_VIEWS = (INFO, TIMELINE, ACTIVITIES_COUNT)


@dataclass(slots=True)
class Changes:
    """The deals whose views changed.

    Attributes:
        views: the views that changed, by deal id.
        names: the present and former names of changed deals: entries of a name (including that no such deal exists, and
            which other deals have the name) are invalidated with the deal.
        names_of: those of ``names`` that are or were a deal's own, by deal id, as far as the write shows them: a
            renamed deal has its old and its new name here, a deal of which only events changed has none.
    """

    views: dict[str, set[str]] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    names_of: dict[str, set[str]] = field(default_factory=dict)

    def note(self, deal_id: str, views: Iterable[str], names: Iterable[str] = ()) -> None:
        """Note that some ``views`` changed of a deal that is or was known under ``names``."""
        self.views.setdefault(deal_id, set()).update(views)
        own = set(names)
        if own:
            self.names |= own
            self.names_of.setdefault(deal_id, set()).update(own)

    def add(self, other: Changes) -> None:
        """Add all that ``other`` holds."""
        for deal_id, views in other.views.items():
            self.note(deal_id, views, other.names_of.get(deal_id, ()))
        self.names |= other.names

    def __bool__(self) -> bool:
        return bool(self.views or self.names)


@dataclass(frozen=True, slots=True)
class Selection:
    """The cache entries that an invalidation concerns: all, or those of the deals of some ids and names.

    ``name_keys`` are names in the form of ``name_key``.
    """

    deal_ids: frozenset[str] = frozenset()
    name_keys: frozenset[str] = frozenset()
    everything: bool = False

    @classmethod
    def all(cls) -> Selection:
        """Return the selection of every entry."""
        return cls(everything=True)

    @classmethod
    def deals(cls, *, ids: Iterable[str] = (), names: Iterable[str] = ()) -> Selection:
        """Return the entries of the deals with these ids, and of all deals with these names in any case."""
        return cls(frozenset(ids), frozenset(name_key(name) for name in names))

    @classmethod
    def changed(cls, changes: Changes) -> Selection:
        """Return the entries of the deals that a write changed."""
        return cls.deals(ids=changes.views, names=changes.names)

    def __or__(self, other: Selection) -> Selection:
        if self.everything or other.everything:
            return Selection.all()
        return Selection(self.deal_ids | other.deal_ids, self.name_keys | other.name_keys)

    def __and__(self, other: Selection) -> Selection:
        """Return the intersection of two selections, neither of which is everything."""
        return Selection(self.deal_ids & other.deal_ids, self.name_keys & other.name_keys)

    def __sub__(self, other: Selection) -> Selection:
        """Return the difference of two selections, neither of which is everything."""
        return Selection(self.deal_ids - other.deal_ids, self.name_keys - other.name_keys)

    def __len__(self) -> int:
        """Return the number of marks: ids and names."""
        return len(self.deal_ids) + len(self.name_keys)

    def __bool__(self) -> bool:
        """Return True if it selects anything at all."""
        return self.everything or len(self) > 0

    def parts(self, size: int) -> list[Selection]:
        """Split the selection into parts of at most ``size`` marks; a small one, even an empty one, is one part."""
        if self.everything or len(self) <= size:
            return [self]
        ids, names = sorted(self.deal_ids), sorted(self.name_keys)
        # The names follow the ids; a part may have some of both.
        return [
            Selection(
                frozenset(ids[start : start + size]),
                frozenset(names[max(0, start - len(ids)) : max(0, start + size - len(ids))]),
            )
            for start in range(0, len(self), size)
        ]


@dataclass(frozen=True, slots=True)
class Invalidation:
    """One entry of the invalidation log.

    Args:
        selection: the entries that must no longer be served.
        at: when it was recorded, aware and in UTC; for people and for live updates: no decision depends on it.
        views: the views that really changed, by deal; empty if nothing changed, as for a clear.
        names_of: the names that are or were those of a changed deal, as far as the change shows them.
        nonce: unique, also among invalidations of the same generation in another history of the database.
        generation: its position among all invalidations of all workers, from 1; 0 before it is recorded. The generation
            of a deal is that of the last invalidation that selects it.
        doubt: True if it concerns everything, and it is unknown whether anything changed: entries are not trusted, but
            may still be served when every tier below fails.
        labels: True if labels of owners, stages or pipelines changed and must be read again before the next view.
    """

    selection: Selection
    at: datetime
    views: Mapping[str, frozenset[str]] = field(default_factory=dict)
    names_of: Mapping[str, frozenset[str]] = field(default_factory=dict)
    nonce: str = field(default_factory=lambda: uuid.uuid4().hex)
    generation: int = 0
    doubt: bool = False
    labels: bool = False

    @property
    def changes(self) -> Changes:
        """The changes that led to it."""
        changes = Changes()
        for deal_id, views in self.views.items():
            changes.note(deal_id, views, self.names_of.get(deal_id, ()))
        return changes

    def fields(self) -> dict[str, Any]:
        """Return it as plain values, in which it is stored."""
        return {
            "_id": self.generation,
            "nonce": self.nonce,
            "at": self.at,
            "everything": self.selection.everything,
            "doubt": self.doubt,
            "labels": self.labels,
            "deal_ids": sorted(self.selection.deal_ids),
            "name_keys": sorted(self.selection.name_keys),
            # A list, because a deal's id is data and not a field's name.
            "views": [
                {"deal_id": deal_id, "changed": sorted(changed), "names": sorted(self.names_of.get(deal_id, ()))}
                for deal_id, changed in sorted(self.views.items())
            ],
        }

    @classmethod
    def of_fields(cls, fields: Mapping[str, Any]) -> Invalidation:
        """Return the invalidation of :meth:`fields`.

        Raises:
            KeyError, TypeError, AttributeError: they are not such fields.
        """
        # Workers of an earlier version do not normalize names.
        keys = frozenset(map(name_key, fields["name_keys"]))
        return cls(
            Selection(frozenset(fields["deal_ids"]), keys, fields["everything"]),
            fields["at"].astimezone(UTC),
            {row["deal_id"]: frozenset(row["changed"]) for row in fields["views"]},
            {row["deal_id"]: frozenset(row["names"]) for row in fields["views"] if row["names"]},
            fields["nonce"],
            fields["_id"],
            fields["doubt"],
            fields.get("labels", False),  # earlier versions write none
        )
