"""Keeps people up to date beside changed records: the walk through all records, new, changed and lost names."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from math import ceil, inf

from dealcache.hubspot.activities import modified_property_of
from dealcache.hubspot.client import BATCH_SIZE, MOST_ASSOCIATION_INPUTS
from dealcache.hubspot.errors import HubSpotError
from dealcache.hubspot.people_reads import named
from dealcache.hubspot.worker_pool import WorkerPool
from dealcache.model.batches import batches_of
from dealcache.model.deals import RECORD_TYPES
from dealcache.model.people import PEOPLE_TYPES
from dealcache.sync.bisection import read_by_bisection
from dealcache.sync.hubspot_reader import together
from dealcache.sync.job_lease import JobLease
from dealcache.sync.people_sync import PeopleSync
from dealcache.sync.search_filters import Window

#: The calls that read who takes part in a page of records: one for each type of people.
_CALLS_OF_A_PAGE = len(PEOPLE_TYPES)

#: Pages of records that are read between two notes of the position.
_PAGES = 10

#: Calls of searches for changed people that are made whatever their number; beyond that, all known people are read.
_SEARCHES = 10

#: People whose names are read between two looks at who is due.
_AT_ONCE = 1_000


class PeopleRounds:
    """Runs in a job's own thread; the pool does the calls and the writes.

    Args:
        people: reads and stores.
        pool: runs the calls.
    """

    def __init__(self, people: PeopleSync, pool: WorkerPool) -> None:
        self._people = people
        self._pool = pool
        self._storage = people.storage
        self._failed = False

    def run(self, calls: int, began_at: datetime, horizon: timedelta) -> None:
        """Do everything that a sync of changes does, as far as ``calls`` reach for what is not new.

        Args:
            calls: how many calls the walk may make together with the confirmation of known people.
            began_at: when the sync began; people that were read since then are up to date.
            horizon: how long HubSpot's index may take to show a change.
        """
        if not self._people.may_call():
            return
        self._people.progress.phase("names of people")
        # Half of them at most: who was deleted must not stay named until the walk has come to its end.
        calls -= self.walk(calls // 2)
        self.read_new()
        if not self.search(began_at, horizon):
            calls = max(calls, self._known())
        self.confirm(calls, began_at)

    def name_all(self, lease: JobLease, began_at: datetime, horizon: timedelta) -> None:
        """Read who takes part in anything, and all names that are not known; see :meth:`run`."""
        if "people" not in lease.checkpoint:
            self._storage.state.note_people_walk()
            lease.note({"people": True})
        self._people.progress.phase("names of people")
        self.walk()
        self.read_new()
        self.search(began_at, horizon)

    def walk(self, calls: int | None = None) -> int:
        """Read who takes part in all records, from where the last walk ended; does nothing if it came to its end.

        Args:
            calls: how many calls at most, further pages not counted; None for any number.

        Returns:
            How many calls it has made.
        """
        state, spent = self._storage.state.load().people, 0
        if state.walked or not self._people.may_call():
            return spent
        for pages, (kind, ids) in enumerate(self._pages(state.position), 1):
            if self._failed or (calls is not None and spent + _CALLS_OF_A_PAGE > calls):
                return spent
            self._pool.submit(partial(self._people.read, kind, ids), self._note)
            self._pool.wait_for_room()
            spent += _CALLS_OF_A_PAGE
            if pages % _PAGES == 0 or (calls is not None and spent + _CALLS_OF_A_PAGE > calls):
                self._pool.wait_all()
                if self._failed:
                    return spent
                self._storage.state.note_people_walk((kind, ids[-1]))
        self._pool.wait_all()
        if not self._failed:
            self._storage.state.note_people_walk(ended=True)
        return spent

    def _pages(self, position: tuple[str, str] | None) -> Iterator[tuple[str, list[str]]]:
        start, after = position or (RECORD_TYPES[0], "")
        for kind in RECORD_TYPES[RECORD_TYPES.index(start) if start in RECORD_TYPES else 0 :]:
            after = after if kind == start else ""
            while ids := self._storage.participants.ids_after(kind, after, MOST_ASSOCIATION_INPUTS):
                yield kind, ids
                after = ids[-1]

    def read_new(self) -> None:
        """Read the names of people that were never asked for."""
        for object_type in PEOPLE_TYPES.values():
            self._read_due(object_type, partial(self._storage.people.unread, object_type))

    def update(self, ids_by_type: Mapping[str, Collection[str]]) -> None:
        """Read those of these people again who take part in anything, and the names of those never asked for."""
        for object_type, ids in ids_by_type.items():
            self._read_known(object_type, ids)
        self.read_new()

    def confirm(self, calls: int, before: datetime) -> None:
        """Read known people again, those first that were last asked for longest ago, as far as ``calls`` reach.

        Only that shows who was deleted for good: such people are in no search and in no list.
        """
        for object_type, kept in (("companies", calls // 2), ("contacts", 0)):
            calls -= self._read_due(object_type, partial(self._storage.people.due, object_type, before), calls - kept)

    def search(self, began_at: datetime, horizon: timedelta) -> bool:
        """Read the names that changed since the last search; return False if so many did that it was given up."""
        searched = self._storage.state.load().people.searched
        complete = True
        for object_type in PEOPLE_TYPES.values() if self._people.may_call() else ():
            # What changed before the first search is found when known people are read again.
            since = min(searched.get(object_type, began_at), began_at)
            window = Window(since, began_at + horizon)
            try:
                complete = self._search(object_type, window) and complete
            except HubSpotError as failure:
                self._people.note(failure)
            else:
                self._storage.state.note_people_searched(object_type, began_at - horizon)
        return complete

    def _search(self, object_type: str, window: Window) -> bool:
        groups, last_id = [window.of(modified_property_of(object_type))], None
        for _ in range(_SEARCHES + self._known()):
            found = self._pool.call(partial(self._people.hubspot.search_ids, object_type, groups, last_id))
            # By their ids: the index may hold an older name than the one that was read last.
            self._read_known(object_type, found.ids)
            last_id = found.last_id
            if not found.more:
                return True
        return False

    def _read_known(self, object_type: str, ids: Iterable[str]) -> None:
        self._read(object_type, sorted(self._storage.people.known(object_type, ids)))

    def _known(self) -> int:
        """Return about how many calls it takes to read all known people."""
        return sum(ceil(self._storage.people.count(one) / BATCH_SIZE) for one in PEOPLE_TYPES.values())

    def _read_due(self, object_type: str, due: Callable[[int], list[str]], calls: float = inf) -> int:
        """Read people as long as any are due and ``calls`` reach; return how many calls that were."""
        spent, seen = 0, set[str]()
        while spent < calls and not self._failed:
            most = int(min((calls - spent) * BATCH_SIZE, _AT_ONCE))
            ids = [one for one in due(most) if one not in seen]
            if not ids:
                break
            seen = set(ids)
            spent += ceil(len(ids) / BATCH_SIZE)
            self._read(object_type, ids)
        return spent

    def _read(self, object_type: str, ids: Iterable[str]) -> None:
        for batch in batches_of(ids, BATCH_SIZE):
            if self._failed or not self._people.may_call():
                break
            self._pool.submit(partial(self._read_names, object_type, batch), self._note)
            self._pool.wait_for_room()
        self._pool.wait_all()

    def _read_names(self, object_type: str, ids: Sequence[str]) -> bool:
        """Read people of one type by their ids, at most 100; return False if HubSpot failed.

        Those that HubSpot no longer has lose their names.
        """
        people, read_at = self._people, self._people.now()
        try:
            found = read_by_bisection(ids, partial(people.hubspot.read_people, object_type), lambda: ())
        except HubSpotError as failure:
            people.note(failure)
            return False
        found.warn(people.progress, object_type)
        read = together(found)
        self._storage.people.note_asked(object_type, read.refused, read_at)
        found_by_key = named(object_type, ids, read.records, read.refused)
        by_id = {key.partition(":")[2]: person for key, person in found_by_key.items()}
        people.progress.changed(self._storage.people.save_people(object_type, by_id, read_at))
        return True

    def _note(self, succeeded: bool) -> None:
        self._failed = self._failed or not succeeded
