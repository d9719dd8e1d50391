"""Reads the activities of deals from HubSpot and stores them as events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from dealcache.deals import Event
from dealcache.hubspot import BATCH_SIZE, AssociationPage, batches_of
from dealcache.sync.deal_work import DealWork
from dealcache.sync.desk import Desk

#: For each type of activity and each id, the deals that have it.
Wanted = dict[str, dict[str, set[str]]]

#: Activities by type and id.
Engagements = set[tuple[str, str]]

#: How many events are looked up and written in one go.
_BATCH = 500


@dataclass(slots=True, eq=False)
class Chunk:
    """Up to 1,000 deals whose associations are read together.

    Args:
        deal_ids: the deals.
        complete: those of them whose activities are all read; of the others only the ones that MongoDB lacks.
        read_at: the time just before their associations were read.
        cursor: where the list of deals goes on after them, None at its end.

    Attributes:
        members: the deals, for looking one up.
        wanted: the associations found so far.
        open_pages: how many reads of associations are under way.
        cursors: the further pages that were asked for: none may come twice.
        unread: how many of the activities are still to be read.
        to_read: how many there were to be read.
        planned: whether it is known which these are.
        closed: whether everything is stored.
    """

    deal_ids: tuple[str, ...]
    complete: frozenset[str]
    read_at: datetime
    cursor: str | None = None
    members: frozenset[str] = field(init=False)
    wanted: Wanted = field(default_factory=dict)
    open_pages: int = 0
    cursors: set[tuple[str, str, str]] = field(default_factory=set)
    unread: int = 0
    to_read: int = 0
    planned: bool = False
    closed: bool = False

    def __post_init__(self) -> None:
        self.members = frozenset(self.deal_ids)

    @property
    def share_done(self) -> float:
        """Which part of the activities is stored, 0.0 to 1.0."""
        if not self.planned:
            return 0.0
        return 1.0 - self.unread / self.to_read if self.to_read else 1.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What is still to be read for a chunk: activities, and deals that live on under another id."""

    to_read: Wanted
    successors: frozenset[str]


class TimelineWork:
    """What the crew does about the activities of deals; its methods run in any thread.

    Args:
        desk: the job's parts.
        seen_since: activities that were stored since then are taken from MongoDB: a full load reads an activity of
            several deals once, and does not read again what it had read before a crash. None: all are read.
    """

    def __init__(self, desk: Desk, seen_since: datetime | None = None) -> None:
        self._desk = desk
        self._deals = DealWork(desk)
        self._seen_since = seen_since

    def associations(self, engagement_type: str, deals: Mapping[str, str | None]) -> AssociationPage:
        """A page of the activities of one type for each deal."""
        return self._desk.source.activities_of(deals, engagement_type)

    def plan(self, chunk: Chunk) -> Plan:
        """What must be read for a chunk whose associations are known.

        What a deal has lost is removed here, and what is at hand already is stored.
        """
        known = [one for one in chunk.deal_ids if one not in chunk.complete]
        stored = self._desk.timelines.engagements_of(known) if known else {}
        lost = _lost(stored, chunk.wanted)
        successors = self._verify_emptied(stored, lost)
        if lost:
            keys = [(deal_id, *key) for deal_id, engagements in lost.items() for key in engagements]
            self._desk.ledger.changed(self._desk.timelines.remove(keys, chunk.read_at))
        to_read: Wanted = {}
        for kind, deals_by_id in chunk.wanted.items():
            lacking = {one: _lacking(deals, (kind, one), stored) for one, deals in deals_by_id.items()}
            to_read[kind] = {one: deals for one, deals in lacking.items() if deals}
            if self._seen_since is not None:
                self.store_seen(kind, to_read[kind], chunk.read_at, self._seen_since)
        return Plan(to_read, successors)

    def _verify_emptied(self, stored: Mapping[str, Engagements], lost: dict[str, Engagements]) -> frozenset[str]:
        """Spare the events of deals that have no associations because they are no more.

        A deal that was merged into another has none under its old id; its events, with what others wrote to them, go
        to the other deal. One that was archived keeps them for the day when it is restored.

        Args:
            stored: the events of each deal.
            lost: those of them to be removed; deals that are no more are taken out.

        Returns:
            The deals that others were merged into and that are to be read whole.
        """
        emptied = [deal_id for deal_id, keys in lost.items() if keys == stored[deal_id]]
        incomplete: set[str] = set()
        for ids in batches_of(emptied, BATCH_SIZE):
            batch = self._deals.read_batch(ids)
            for one in set(ids) - set(batch.deal_ids):
                del lost[one]
            incomplete |= batch.incomplete
        return frozenset(incomplete)

    def store_seen(self, kind: str, to_read: dict[str, set[str]], read_at: datetime, since: datetime) -> None:
        """Store activities for further deals that were read for others at ``since`` or later.

        Args:
            kind: the type of them all.
            to_read: their ids, each with its deals; those that were found are taken out.
            read_at: the time just before the deals' associations were read.
            since: how old what MongoDB has may be.
        """
        for ids in batches_of(to_read, _BATCH):
            events = self._desk.timelines.seen_since(kind, ids, since)
            self._write(((event, to_read.pop(event.engagement_id)) for event in events), read_at)

    def read(self, engagement_type: str, targets: Mapping[str, set[str]], read_at: datetime) -> None:
        """Read activities of one type, at most 100, and store each for its deals.

        Those that HubSpot does not have any more are no failure: whoever still holds an event of theirs loses it when
        its chunk ends, or by the list of archived records.
        """
        events = self._desk.source.read_activities(engagement_type, list(targets))
        self._write(((event, targets.get(event.engagement_id, set())) for event in events), read_at)

    def _write(self, events: Iterable[tuple[Event, set[str]]], read_at: datetime) -> None:
        items = [(deal_id, event) for event, deal_ids in events for deal_id in deal_ids]
        if items:
            self._desk.ledger.activities_written(len(items))
            self._desk.ledger.changed(self._desk.timelines.write(items, read_at))

    def show_part_done(self, deals: float) -> None:
        """Show that so many deals' worth of what was begun is stored."""
        self._desk.ledger.part_done(deals)

    def close(self, chunk: Chunk) -> None:
        """Note that the events of a chunk's deals are all there, and remove what is no longer among them.

        A full load removes nothing before its end.
        """
        if chunk.complete:
            if self._seen_since is None:
                self._desk.ledger.changed(self._desk.timelines.sweep(chunk.complete, chunk.read_at))
            self._desk.deals.note_timelines_synced(chunk.complete, chunk.read_at)
        rest = [one for one in chunk.deal_ids if one not in chunk.complete]
        if rest:
            self._desk.deals.note_associations_read(rest, chunk.read_at)


def _lost(stored: Mapping[str, Engagements], wanted: Wanted) -> dict[str, Engagements]:
    """What each deal holds and is not associated with any more; deals without such are left out."""
    surplus = {deal_id: set(keys) for deal_id, keys in stored.items()}
    for kind, deals_by_id in wanted.items():
        for one, deals in deals_by_id.items():
            for deal_id in deals & surplus.keys():
                surplus[deal_id].discard((kind, one))
    return {deal_id: keys for deal_id, keys in surplus.items() if keys}


def _lacking(deals: set[str], key: tuple[str, str], stored: Mapping[str, Engagements]) -> set[str]:
    return {deal_id for deal_id in deals if key not in stored.get(deal_id, ())}
