"""Deals whose activities are read together, and the reads that they need."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from dealcache.hubspot.pages import CursorGuard
from dealcache.model.deals import ENGAGEMENT_TYPES
from dealcache.model.timestamps import LATEST

#: The deals of each activity, by type and id.
Wanted = dict[str, dict[str, set[str]]]


@dataclass(slots=True, eq=False)
class Chunk:
    """Up to 1,000 deals whose associations are read together.

    Args:
        complete: the deals whose activities are all read; of others only those that MongoDB lacks are.
        read_at: the time just before their associations were read.
        cursor: where the list of deals continues after them, None at its end.
        kinds: the types of activities that are read.
        renewed: the types whose activities are all read again, whatever MongoDB has.
        as_of: the time just before the first of the deals was read; it moves back when activities are taken from an
            earlier reading.

    Attributes:
        lacking: for each type, the deals of which it could not be read.
        gone: deals that turned out not to exist any more: their events are kept.
        wanted: the associations found so far.
        paging: the types whose associations are being read.
        cursors: guards the further pages of each type.
        unplanned: the types of which it is not known yet which activities must be read.
        unread: how many of the activities are still to be read.
        to_read: how many there were to be read.
        closing: True if everything is stored, so that only the note of that is missing.
        closed: True if everything is stored, and that is noted.
    """

    deal_ids: Sequence[str]
    complete: frozenset[str]
    read_at: datetime
    cursor: str | None = None
    kinds: tuple[str, ...] = ENGAGEMENT_TYPES
    renewed: frozenset[str] = frozenset()
    as_of: datetime = LATEST
    members: frozenset[str] = field(init=False)
    lacking: dict[str, set[str]] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    wanted: Wanted = field(default_factory=dict)
    paging: set[str] = field(default_factory=set)
    cursors: defaultdict[str, CursorGuard] = field(default_factory=lambda: defaultdict(CursorGuard))
    unplanned: set[str] = field(default_factory=set)
    unread: int = 0
    to_read: int = 0
    closing: bool = False
    closed: bool = False

    def __post_init__(self) -> None:
        self.members = frozenset(self.deal_ids)
        self.as_of = min(self.as_of, self.read_at)

    def lack(self, kind: str, deal_ids: Iterable[str]) -> None:
        """Note that a type of activities could not be read for some deals."""
        self.lacking.setdefault(kind, set()).update(self.members.intersection(deal_ids))

    def by_lacking(self, deal_ids: Iterable[str]) -> dict[frozenset[str], list[str]]:
        """Return deals by the types that could not be read of them."""
        found: dict[frozenset[str], list[str]] = {}
        for one in deal_ids:
            found.setdefault(frozenset(kind for kind, deals in self.lacking.items() if one in deals), []).append(one)
        return found

    @property
    def is_whole(self) -> bool:
        """True if all activities of all its deals are read."""
        return self.members <= self.complete

    @property
    def share_done(self) -> float:
        """The share of the activities that is stored, 0.0 to 1.0."""
        if self.unplanned:
            return 0.0
        return 1.0 - self.unread / self.to_read if self.to_read else 1.0


@dataclass(slots=True)
class WantedActivity:
    """An activity to be read or being read, the deals that have it, and the chunks that wait for it.

    ``late`` are chunks, with their deals, that were added while it was already being read.
    """

    deals: set[str] = field(default_factory=set)
    chunks: list[Chunk] = field(default_factory=list)
    late: list[tuple[Chunk, set[str]]] = field(default_factory=list)
