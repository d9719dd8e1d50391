"""Reads the activities of deals from HubSpot and stores them as events."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from functools import partial

from dealcache.model.batches import batches_of
from dealcache.model.deals import ENGAGEMENT_TYPES, Event
from dealcache.sync.context import SyncContext
from dealcache.sync.deal_sync import DealSync
from dealcache.sync.timeline_chunk import Chunk, Wanted

#: Activities by type and id.
Engagements = set[tuple[str, str]]

#: Deals with activities that could not be read come first when associations are read again, as long as they are few:
#: others must get their turn too.
_MOST_READ_AGAIN = 100

#: How many events are looked up and written at once.
_BATCH = 500


class TimelineSync:
    """The reads and writes of an :class:`.ActivityLoader`. Thread-safe.

    Args:
        context: the job's parts.
        seen_since: activities that were stored since then are taken from MongoDB: a full load reads an activity of
            several deals once, and does not read again what it had read before a crash. None: all are read.
        is_first: True if MongoDB had no events when the load began.
    """

    def __init__(self, context: SyncContext, seen_since: datetime | None = None, *, is_first: bool = False) -> None:
        self._is_first = is_first
        self._context = context
        self._deals = DealSync(context)
        self._seen_since = seen_since
        self._read_again: set[str] = set()

    def plan(self, chunk: Chunk, wanted: Wanted) -> tuple[Wanted, frozenset[str]]:
        """Return the activities to read, and the deals that others were merged into, which must be read whole.

        It is planned for some types of a chunk, or for all of them unless it is whole. Events that a deal has lost are
        removed here, and those that MongoDB already has are stored for it.

        Args:
            chunk: the chunk.
            wanted: the associations of these types, which are all known.
        """
        known = [one for one in chunk.deal_ids if one not in chunk.complete]
        stored = _comparable(self._context.timelines.engagements_of(known) if known else {}, chunk)
        lost = _lost(stored, wanted)
        successors = self._verify_emptied(chunk, stored, lost)
        if lost:
            keys = [(deal_id, *key) for deal_id, engagements in lost.items() for key in engagements]
            self._context.progress.changed(self._context.timelines.remove(keys, chunk.read_at))
        to_read: Wanted = {}
        for kind, deals_by_id in wanted.items():
            at_hand = {} if kind in chunk.renewed else stored
            lacking = {one: _lacking(deals, (kind, one), at_hand) for one, deals in deals_by_id.items()}
            to_read[kind] = {one: deals for one, deals in lacking.items() if deals}
            if self._seen_since is not None:
                self.store_seen(kind, to_read[kind], chunk, self._seen_since)
        return to_read, successors

    def _verify_emptied(
        self, chunk: Chunk, stored: Mapping[str, Engagements], lost: dict[str, Engagements]
    ) -> frozenset[str]:
        """Keep the events of deals that have no associations because they no longer exist.

        A deal that was merged into another has none under its old id; its events, with the fields of other systems, are
        moved to the other deal. An archived one keeps them in case it is restored. Such deals are added to
        ``chunk.gone`` and removed from ``lost``.

        Returns:
            The deals that others were merged into and that must be read whole.
        """
        emptied = [deal_id for deal_id, keys in lost.items() if keys == stored[deal_id]]
        read = self._deals.store_all(emptied)
        chunk.gone.update(set(emptied) - {deal.deal_id for deal in read.deals})  # as far as is known
        for one in chunk.gone:
            del lost[one]
        return read.incomplete

    def store_seen(self, kind: str, to_read: dict[str, set[str]], chunk: Chunk, since: datetime) -> None:
        """Store activities for further deals, and remove from ``to_read`` those read for others ``since`` then.

        Args:
            kind: the type of them all.
            to_read: their ids, each with its deals.
            chunk: the chunk of these deals.
            since: the earliest time at which MongoDB's version may have been read.
        """
        for ids in batches_of(list(to_read), _BATCH):
            events = self._context.timelines.seen_since(kind, ids, since)
            if events:
                chunk.as_of = min(chunk.as_of, since)
            self._write(((event, to_read.pop(event.engagement_id)) for event in events), chunk.read_at)
            self._name_people(kind, [event.engagement_id for event in events])

    def read(self, engagement_type: str, targets: Mapping[str, set[str]], read_at: datetime) -> None:
        """Read activities of one type, at most 100, and store each for its deals.

        Activities that HubSpot no longer has are not a failure: deals that still have an event of theirs lose it when
        their chunk ends, or by the list of archived records. Stored events of unreadable ones are kept.
        """
        read = self._context.hubspot.read_activities(engagement_type, list(targets))
        self._write(((event, targets.get(event.engagement_id, set())) for event in read.records), read_at)
        self._keep(engagement_type, {one: targets[one] for one in read.refused if one in targets}, read_at)
        self._name_people(engagement_type, [event.engagement_id for event in read.records])

    def _name_people(self, kind: str, ids: Collection[str]) -> None:
        if self._context.people is not None:
            self._context.people.complete(kind, ids)

    def _keep(self, engagement_type: str, unread: Mapping[str, set[str]], read_at: datetime) -> None:
        """Keep the stored events of activities that are associated and cannot be read, and read them again soon."""
        keys = [(deal_id, engagement_type, one) for one, deal_ids in unread.items() for deal_id in deal_ids]
        if keys:
            self._context.timelines.confirm(keys, read_at)
            room = max(0, _MOST_READ_AGAIN - len(self._read_again))
            self._read_again.update([deal_id for deal_id, _, _ in keys][:room])

    def _write(self, events: Iterable[tuple[Event, set[str]]], read_at: datetime) -> None:
        items = [(deal_id, event) for event, deal_ids in events for deal_id in deal_ids]
        if items:
            self._context.progress.activities_written(len(items))
            self._context.progress.changed(self._context.timelines.write(items, read_at, probably_new=self._is_first))

    def close(self, chunk: Chunk) -> None:
        """Mark a chunk's deals as complete, and remove the events that were not confirmed.

        Unreadable parts stay as they are. A full load removes nothing before its end. Lists show the deals from here
        on.
        """
        for lacking, ids in chunk.by_lacking(chunk.complete).items():
            read = [kind for kind in chunk.kinds if kind not in lacking]
            self._sweep(ids, chunk, read)
            if chunk.kinds != ENGAGEMENT_TYPES:
                self._context.missing_types.note_read(ids, read)
            elif not lacking:
                again = self._read_again.intersection(ids)
                self._context.deals.note_timelines_synced(ids, chunk.read_at, again, chunk.as_of)
            else:
                note = partial(self._context.missing_types.note_partly_synced, as_of=chunk.as_of)
                self._note_lacking(ids, lacking, chunk, note)
        for lacking, ids in chunk.by_lacking(one for one in chunk.deal_ids if one not in chunk.complete).items():
            self._sweep([one for one in ids if one not in chunk.gone], chunk, chunk.renewed - lacking)
            if lacking:
                self._note_lacking(ids, lacking, chunk, self._context.missing_types.note_unread)
            else:
                self._note_associations_read(ids, chunk)
        self._context.summaries.settle(chunk.deal_ids)

    def _sweep(self, deal_ids: Collection[str], chunk: Chunk, kinds: Collection[str]) -> None:
        if kinds and self._seen_since is None:
            types = None if len(kinds) == len(ENGAGEMENT_TYPES) else kinds
            self._context.progress.changed(self._context.timelines.sweep(deal_ids, chunk.read_at, types))

    def _note_lacking(
        self,
        deal_ids: Collection[str],
        lacking: Collection[str],
        chunk: Chunk,
        note: Callable[[Collection[str], Collection[str], datetime], None],
    ) -> None:
        """Mark refused types to be read again soon; single deals are read again in turn."""
        if any(kind in self._context.refused_types for kind in lacking):
            note(deal_ids, lacking, chunk.read_at)
        else:
            self._note_associations_read(deal_ids, chunk)
            self._context.missing_types.note_missed(deal_ids, chunk.read_at)

    def _note_associations_read(self, deal_ids: Iterable[str], chunk: Chunk) -> None:
        rest = [one for one in deal_ids if one not in self._read_again]
        self._context.deals.note_associations_read(rest, chunk.read_at)


def _comparable(stored: Mapping[str, Engagements], chunk: Chunk) -> dict[str, Engagements]:
    """Return the stored events of the types that were read; deals without such are left out."""
    found: dict[str, Engagements] = {}
    for deal_id, keys in stored.items():
        read = {kind for kind in chunk.kinds if deal_id not in chunk.lacking.get(kind, ())}
        if comparable := {key for key in keys if key[0] in read}:
            found[deal_id] = comparable
    return found


def _lost(stored: Mapping[str, Engagements], wanted: Wanted) -> dict[str, Engagements]:
    """Return the events of each deal that it is no longer associated with; deals without such are left out."""
    surplus = {deal_id: set(keys) for deal_id, keys in stored.items()}
    for kind, deals_by_id in wanted.items():
        for one, deals in deals_by_id.items():
            for deal_id in deals & surplus.keys():
                surplus[deal_id].discard((kind, one))
    return {deal_id: keys for deal_id, keys in surplus.items() if keys}


def _lacking(deals: set[str], key: tuple[str, str], stored: Mapping[str, Engagements]) -> set[str]:
    return {deal_id for deal_id in deals if key not in stored.get(deal_id, ())}
