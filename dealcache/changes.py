"""What a write to MongoDB really changed, so that only the views which show it are let go. Plain values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

#: The views of a deal, by the names that clients know them by.
INFO = "info"
TIMELINE = "timeline"
ACTIVITIES_COUNT = "activities_count"

#: All of them, in the order in which clients are told of them.
ALL_VIEWS = (INFO, TIMELINE, ACTIVITIES_COUNT)


@dataclass(slots=True)
class Changes:
    """The deals whose views are no longer what they were.

    Attributes:
        views: for each deal id, which of its views changed: :data:`INFO`, :data:`TIMELINE`, :data:`ACTIVITIES_COUNT`.
        names: the names under which a changed deal is known, or was: what is cached under a name (also that no such
            deal exists, or which other deals bear the name) is to be let go with the deal.
        names_of: those of ``names`` that are or were a deal's own, by deal id, as far as the write shows them: a
            renamed deal has its old name here and its new one, a deal of which only events changed has none.
    """

    views: dict[str, set[str]] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    names_of: dict[str, set[str]] = field(default_factory=dict)

    def note(self, deal_id: str, views: Iterable[str], names: Iterable[str] = ()) -> None:
        """Add that some ``views`` of a deal changed, which is or was known under ``names``."""
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
