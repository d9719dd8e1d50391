"""What an invalidation is: which deals are served no more as they were cached, and its place among all of them.

Plain values; the record of invalidations in MongoDB, the messages of Redis and the read path all speak of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from dealcache.changes import Changes
from dealcache.deals import name_key


@dataclass(frozen=True, slots=True)
class Selection:
    """Which entries an invalidation concerns: everything, or the deals of some ids and names.

    ``name_keys`` are names in the form of :func:`dealcache.deals.name_key`.
    """

    deal_ids: frozenset[str] = frozenset()
    name_keys: frozenset[str] = frozenset()
    everything: bool = False

    @classmethod
    def all(cls) -> Selection:
        """Every entry there is."""
        return cls(everything=True)

    @classmethod
    def deals(cls, *, ids: Iterable[str] = (), names: Iterable[str] = ()) -> Selection:
        """The entries of the deals with these ids, and of all deals with these names in any case."""
        return cls(frozenset(ids), frozenset(name_key(name) for name in names))

    @classmethod
    def changed(cls, changes: Changes) -> Selection:
        """The entries of the deals that a write changed."""
        return cls.deals(ids=changes.views, names=changes.names)

    def __or__(self, other: Selection) -> Selection:
        if self.everything or other.everything:
            return Selection.all()
        return Selection(self.deal_ids | other.deal_ids, self.name_keys | other.name_keys)

    def __and__(self, other: Selection) -> Selection:
        """What both concern; not for everything."""
        return Selection(self.deal_ids & other.deal_ids, self.name_keys & other.name_keys)

    def __sub__(self, other: Selection) -> Selection:
        """What this one concerns and ``other`` does not; not for everything."""
        return Selection(self.deal_ids - other.deal_ids, self.name_keys - other.name_keys)

    def __len__(self) -> int:
        """How many marks it has: ids and names."""
        return len(self.deal_ids) + len(self.name_keys)

    def __bool__(self) -> bool:
        """Whether it concerns anything at all."""
        return self.everything or len(self) > 0

    def parts(self, size: int) -> list[Selection]:
        """The same in parts of at most ``size`` marks; one part, if need be an empty one, where it is small enough."""
        if self.everything or len(self) <= size:
            return [self]
        marks = [(deal_id, None) for deal_id in sorted(self.deal_ids)] + [
            (None, name) for name in sorted(self.name_keys)
        ]
        slices = (marks[start : start + size] for start in range(0, len(marks), size))
        return [
            Selection(
                frozenset(deal_id for deal_id, _ in part if deal_id is not None),
                frozenset(name for _, name in part if name is not None),
            )
            for part in slices
        ]


@dataclass(frozen=True, slots=True)
class Invalidation:
    """One entry of the record of invalidations.

    Args:
        selection: what is served no more.
        at: when it was recorded, aware and in UTC; for people and for live updates, nothing is decided by it.
        views: for each deal that really changed, which of its views did; empty when nothing changed, as for a clear.
        names_of: the names that are or were those of a changed deal, as far as the change shows them.
        nonce: tells it from any other, also from one of the same generation in another history of the database.
        generation: its place among all invalidations of all workers, from 1; 0 before it is recorded. The generation
            of a deal is that of the last invalidation which concerns it.
        doubt: it concerns everything, and nobody knows whether anything changed: what is cached is not trusted, but may
            still serve when every tier below fails.
    """

    selection: Selection
    at: datetime
    views: Mapping[str, frozenset[str]] = field(default_factory=dict)
    names_of: Mapping[str, frozenset[str]] = field(default_factory=dict)
    nonce: str = ""
    generation: int = 0
    doubt: bool = False

    @property
    def changes(self) -> Changes:
        """What really changed."""
        changes = Changes()
        for deal_id, views in self.views.items():
            changes.note(deal_id, views, self.names_of.get(deal_id, ()))
        return changes
