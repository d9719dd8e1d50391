"""What HubSpot's search cannot find: records that were archived, and associations that changed by themselves.

Archiving and associating do not touch the modified date (airbyte#19838, #27199). So the lists of archived records are
walked, and the associations of all deals are read again and again, those that were not read for longest first.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial

from dealcache.deals import ENGAGEMENT_TYPES
from dealcache.hubspot import MOST_ASSOCIATION_INPUTS, batches_of
from dealcache.repositories import SyncStateRepository
from dealcache.sync.desk import Desk
from dealcache.sync.feed import Feed
from dealcache.sync.timeline_work import Chunk, TimelineWork
from dealcache.sync.touched import TouchedDeals

_DAY = timedelta(days=1)

#: HubSpot keeps archived records for 90 days and lists them so long.
_LISTED = timedelta(days=89)

#: The types of records in the order in which their lists are walked.
_TYPES = ("deals", *ENGAGEMENT_TYPES)

#: Calls that one run may make for each of the two at least when somebody asked for it: lists of 40,000 archived
#: records, and associations of 57,000 deals.
CALLS_WHEN_ASKED = 400


def allowance(calls_a_day: int, last: datetime | None, now: datetime) -> int:
    """How many calls may be made now so that there are ``calls_a_day``; what a whole day did not use is lost.

    Args:
        calls_a_day: the calls of a day.
        last: when the allowance was used up the last time, None never.
        now: the present.
    """
    elapsed = _DAY if last is None else min(_DAY, now - last)
    return int(calls_a_day * max(elapsed, timedelta()) / _DAY)


class ArchivedRecords:
    """Notes which deals and activities were archived in HubSpot.

    Args:
        desk: the job's parts.
        state: where it notes how far it came when it may not walk all lists at once.
    """

    def __init__(self, desk: Desk, state: SyncStateRepository) -> None:
        self._desk = desk
        self._state = state

    def walk(self, calls: int, *, from_the_start: bool) -> None:
        """Walk the lists.

        Args:
            calls: how many pages at most.
            from_the_start: whether to begin with the first list, rather than where the last walk ended.
        """
        self._desk.ledger.phase("archived records")
        start, after = ("deals", None) if from_the_start else self._position()
        listed: set[str] | None = set() if start == "deals" and after is None else None
        for kind in _in_circle(start):
            while True:
                if calls <= 0:
                    self._state.note_archived_position(kind, after)
                    return
                calls -= 1
                ids, after = self._desk.crew.result(partial(self._page, kind, after)).get()
                if kind == "deals" and listed is not None:
                    listed.update(ids)
                if after is None:
                    break
            if kind == "deals" and listed is not None:
                self._revive(listed)
        self._state.note_archived_position(start, None)

    def _position(self) -> tuple[str, str | None]:
        found = self._state.load().archived_position
        return found if found is not None and found[0] in _TYPES else ("deals", None)

    def _page(self, kind: str, after: str | None) -> tuple[list[str], str | None]:
        read_at = self._desk.now()
        ids, following = self._desk.source.list_archived(kind, after)
        if ids and kind == "deals":
            self._desk.ledger.changed(self._desk.deals.mark_archived(ids, read_at))
        elif ids:
            self._desk.ledger.changed(self._desk.timelines.remove_engagements(kind, ids, read_at))
        return ids, following

    def _revive(self, listed: set[str]) -> None:
        """Read the deals again that were archived and are not listed as that any more: somebody restored them."""
        archived = self._desk.deals.archived_since(self._desk.now() - _LISTED)
        touched = TouchedDeals(self._desk)
        touched.add(one for one in archived if one not in listed)
        touched.finish()


def _in_circle(start: str) -> Iterable[str]:
    first = _TYPES.index(start)
    return (*_TYPES[first:], *_TYPES[:first])


class RollingReread:
    """Reads associations again, deal by deal, for as long as it may.

    Args:
        desk: the job's parts.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._feed = Feed(desk.crew, TimelineWork(desk), self._chunk_closed)

    def run(self, calls: int, read_before: datetime) -> None:
        """Read the associations of deals, those in open stages first, the longest unread first.

        Args:
            calls: how many calls at most, further pages and new activities not counted.
            read_before: deals that were read since then are left out.
        """
        self._desk.ledger.phase("associations of other deals")
        closed = [
            stage.stage_id
            for pipeline in self._desk.source.names.pipelines()
            for stage in pipeline.stages
            if stage.is_closed
        ]
        limit = calls // len(ENGAGEMENT_TYPES) * MOST_ASSOCIATION_INPUTS
        ids = self._desk.deals.stalest(limit, closed, read_before) if limit else []
        for chunk in batches_of(ids, MOST_ASSOCIATION_INPUTS):
            known = self._desk.deals.stored(chunk)
            complete = {one for one, stored in known.items() if stored.timeline_synced_at is not None}
            incomplete = frozenset(chunk) - complete
            self._feed.begin(Chunk(chunk, incomplete, self._desk.now()))
            self._feed.make_room()
        self._feed.finish()

    def _chunk_closed(self, chunk: Chunk) -> None:
        self._desk.ledger.deals_read(len(chunk.deal_ids))
