"""What changed in a window of time, found by HubSpot's search, with what no search can find."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from dealcache.deals import ENGAGEMENT_TYPES, Event
from dealcache.hubspot import MOST_ASSOCIATION_INPUTS
from dealcache.sync.activity_updates import ActivityUpdates
from dealcache.sync.desk import Checkpoints, Desk
from dealcache.sync.source import Found
from dealcache.sync.touched import TouchedDeals
from dealcache.sync.windows import Group, Window, beyond, last_of, modified_in

#: The largest page of a search.
_PAGE = 200


@dataclass(slots=True)
class _Position:
    """How far the search of one type of activity is."""

    last_id: str | None
    read_at: datetime
    events: list[Event] = field(default_factory=list)


class WindowSync:
    """Brings everything up to date that was modified in a window of time.

    The search only tells which records changed. Deals are then read by id, because the index may be behind; and of all
    that changed the associations are read, because no search tells them. The checkpoint is the last id of each type
    up to which everything is stored.

    Args:
        desk: the job's parts.
        checkpoints: where it notes how far it is.
        window: when the records were modified.
    """

    def __init__(self, desk: Desk, checkpoints: Checkpoints, window: Window) -> None:
        self._desk = desk
        self._checkpoints = checkpoints
        self._window = window
        self._groups: list[Group] = modified_in(window)
        self._updates = ActivityUpdates(desk)
        self._noted: dict[str, Any] = {"last": {}, "done": [], "unknown_deals": []}

    def run(self) -> None:
        """Do it, from the checkpoint on."""
        self._noted |= self._checkpoints.load()
        self._desk.ledger.phase("changed deals")
        if "deals" not in self._noted["done"]:
            self._sync_deals(self._noted["last"].get("deals"))
        self._desk.ledger.phase("changed activities")
        for kind in ENGAGEMENT_TYPES:
            if kind not in self._noted["done"]:
                self._search_on(kind, _Position(self._noted["last"].get(kind), self._desk.now()))
        self._desk.crew.finish()
        touched = TouchedDeals(self._desk)
        touched.add(self._noted["unknown_deals"])
        touched.finish()

    def _sync_deals(self, last_id: str | None) -> None:
        more = True
        while more:
            touched = TouchedDeals(self._desk)
            for _ in range(MOST_ASSOCIATION_INPUTS // _PAGE):
                search = partial(self._desk.source.search_ids, "deals", beyond(self._groups, last_id))
                found = self._desk.crew.result(search).get()
                last_id, more = last_of(found.ids, last_id), found.more
                touched.add(found.ids)
                if not more:
                    break
            touched.finish()
            self._note("deals", last_id, more)

    def _search_on(self, kind: str, position: _Position) -> None:
        search = partial(self._desk.source.search_activities, kind, beyond(self._groups, position.last_id))
        self._desk.crew.start(search, partial(self._take, kind, position))

    def _take(self, kind: str, position: _Position, found: Found) -> None:
        position.events += found.events
        position.last_id = last_of(found.ids, position.last_id)
        if found.more and len(position.events) + _PAGE <= MOST_ASSOCIATION_INPUTS:
            self._search_on(kind, position)
            return
        store = partial(self._updates.store, kind, position.events, position.read_at)
        self._desk.crew.start(store, partial(self._stored, kind, position.last_id, found.more))

    def _stored(self, kind: str, last_id: str | None, more: bool, unknown_deals: Iterable[str]) -> None:
        self._noted["unknown_deals"] = sorted({*self._noted["unknown_deals"], *unknown_deals})
        self._note(kind, last_id, more)
        if more:
            self._search_on(kind, _Position(last_id, self._desk.now()))

    def _note(self, kind: str, last_id: str | None, more: bool) -> None:
        self._noted["last"][kind] = last_id
        if not more:
            self._noted["done"].append(kind)
        self._checkpoints.save(self._noted)
