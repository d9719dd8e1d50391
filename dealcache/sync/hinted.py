"""What HubSpot's webhooks hint at: the deals concerned are read again.

A delivery says that something happened, not what is true now: events come twice, late, and in any order. So they only
tell which records to look at.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial

from dealcache.deals import ENGAGEMENT_TYPES
from dealcache.hints import Hint
from dealcache.hubspot import BATCH_SIZE, batches_of
from dealcache.sync.activity_updates import ActivityUpdates
from dealcache.sync.desk import Desk
from dealcache.sync.touched import TouchedDeals


@dataclass(slots=True)
class Dirty:
    """The records to look at: ids of deals, and ids of activities by type."""

    deals: set[str] = field(default_factory=set)
    activities: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    @classmethod
    def of(cls, hints: Iterable[Hint]) -> Dirty:
        """What some hints are about. An association that changed is looked at from its deal."""
        dirty = cls()
        for hint in hints:
            ends = [(hint.object_type, hint.object_id)]
            if hint.other_type is not None and hint.other_id is not None:
                ends.append((hint.other_type, hint.other_id))
            deals = {one for kind, one in ends if kind == "deals"}
            dirty.deals |= deals | {one for one in (hint.new_id, *hint.merged_ids) if one and deals}
            for kind, one in ends:
                if kind in ENGAGEMENT_TYPES and not deals:
                    dirty.activities[kind].add(one)
        return dirty


class HintedDeals:
    """Looks at what hints are about.

    Args:
        desk: the parts to work with.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._updates = ActivityUpdates(desk)

    def apply(self, hints: Iterable[Hint]) -> None:
        """Read the records concerned again, and store what they are now."""
        dirty = Dirty.of(hints)
        for kind, ids in dirty.activities.items():
            for batch in batches_of(sorted(ids), BATCH_SIZE):
                self._desk.crew.start(partial(self._update, kind, batch), dirty.deals.update)
        self._desk.crew.finish()
        touched = TouchedDeals(self._desk)
        touched.add(sorted(dirty.deals))
        touched.finish()

    def _update(self, kind: str, ids: tuple[str, ...]) -> set[str]:
        read_at = self._desk.now()
        events = self._desk.source.read_activities(kind, ids)
        gone = set(ids) - {event.engagement_id for event in events}
        return self._updates.store(kind, events, read_at, gone)
