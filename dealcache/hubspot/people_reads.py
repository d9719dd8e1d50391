"""Reads who takes part in the deals of one load and in their activities, and the names that are not known yet.

The ids of people are read beside the activities' bodies, their names after that. Nothing here fails a load: what cannot
be read is not shown.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from dealcache.hubspot.client import BATCH_SIZE, MOST_ASSOCIATION_INPUTS
from dealcache.hubspot.deal_resolver import LoadContext
from dealcache.hubspot.errors import Forbidden, HubSpotError
from dealcache.hubspot.pages import BatchPlan
from dealcache.hubspot.people import participants_of
from dealcache.model.batches import batches_of
from dealcache.model.deals import RECORD_TYPES, Event
from dealcache.model.people import PEOPLE_TYPES, DealPeople, Participants, Person, by_object_type, person_key

log = logging.getLogger(__name__)

#: Seconds until a call that HubSpot refused for lack of a right is tried again.
PAUSE_SECONDS = 900.0


class RefusalPause:
    """The pause of one part. Thread-safe.

    Args:
        what: names the part in the log.
        clock: the monotonic clock, in seconds.
    """

    def __init__(self, what: str, clock: Callable[[], float]) -> None:
        self._what = what
        self._clock = clock
        self._lock = threading.Lock()
        self._until = float("-inf")

    def is_over(self) -> bool:
        """Return True if the calls may be made."""
        return self._clock() >= self._until

    def note(self, failure: HubSpotError) -> None:
        """Begin a pause if ``failure`` means that the token lacks a right; logged once for each pause."""
        if not isinstance(failure, Forbidden):
            return
        with self._lock:
            begins = self.is_over()
            self._until = self._clock() + PAUSE_SECONDS
        if begins:
            scopes = f", which needs {' or '.join(failure.scopes)}" if failure.scopes else ""
            log.warning("HubSpot refuses %s%s; tried again in %d minutes", self._what, scopes, PAUSE_SECONDS // 60)


@dataclass(frozen=True, slots=True)
class PeopleSource:
    """The part of a process that names people.

    Args:
        known: returns the people that MongoDB knows of these, None for those that HubSpot no longer has; must not
            raise.
        pause: keeps the calls back for a while after HubSpot has refused one.
    """

    known: Callable[[Collection[str]], Mapping[str, Person | None]]
    pause: RefusalPause


class PeopleReads:
    """The reads of one load. Used by one thread.

    Args:
        context: that of the load, with a pool whose deadline leaves time to answer without people.
        source: knows people already; None to read and show none.
        fresh: True to read the names of known people again too.
    """

    def __init__(self, context: LoadContext, source: PeopleSource | None, *, fresh: bool) -> None:
        self._context = context
        self._source = source
        self._fresh = fresh
        self._plans = {kind: BatchPlan(MOST_ASSOCIATION_INPUTS) for kind in RECORD_TYPES}
        self._found: dict[tuple[str, str], dict[str, tuple[str, ...]]] = {}
        self._names: dict[str, Person | None] = {}
        self._read: set[str] = set()

    def add(self, kind: str, ids: Iterable[str], *, last: bool) -> None:
        """Begin to read who takes part in records of one type; ``last`` if no more of them are known to come."""
        for batch in () if self._source is None else self._plans[kind].add(ids, last=last):
            for object_type in PEOPLE_TYPES.values():
                self._submit(
                    partial(self._participants, kind, object_type, batch),
                    partial(self._keep_participants, kind, object_type),
                )

    def finish(self) -> None:
        """Wait for everything that was begun, then read the names that are not known."""
        self._context.pool.wait_all()
        keys = {key for by_type in self._found.values() for people in by_type.values() for key in people}
        if self._source is None or not keys:
            return
        self._names = dict(self._source.known(keys))
        unknown = keys if self._fresh else keys - self._names.keys()
        for object_type, ids in by_object_type(unknown).items():
            for batch in batches_of(sorted(ids), BATCH_SIZE):
                self._submit(partial(self._people, object_type, batch), self._keep_names)
        self._context.pool.wait_all()

    def cancel(self) -> None:
        """Stop awaiting what was begun; the calls in progress end by themselves."""
        self._context.pool.cancel_all()

    def participants(self, kind: str, record_id: str) -> Participants:
        """Return who takes part in a record; None if that could not be read."""
        found = self._found.get((kind, record_id), {})
        if len(found) < len(PEOPLE_TYPES):
            return None
        return tuple(key for object_type in PEOPLE_TYPES.values() for key in found[object_type])

    def of(self, deal_id: str, events: Iterable[Event]) -> DealPeople | None:
        """Return the people of a deal whose events have their participants; None for no names."""
        if self._source is None:
            return None
        of_deal = self.participants("deals", deal_id)
        keys = {key for event in events for key in event.participants or ()}.union(of_deal or ())
        names = {key: self._names[key] for key in keys if key in self._names}
        return DealPeople(of_deal, names, frozenset(names.keys() & self._read))

    def with_participants(self, events: Iterable[Event]) -> tuple[Event, ...]:
        """Return events with their participants as far as they could be read."""
        if self._source is None:
            return tuple(events)
        return tuple(
            event._replace(participants=self.participants(event.engagement_type, event.engagement_id))
            for event in events
        )

    def _submit(self, call: Callable[[], object], take: Callable[..., None]) -> None:
        if self._source is not None and self._source.pause.is_over():
            self._context.pool.submit(call, take, partial(self._go_without, self._source.pause))

    def _participants(self, kind: str, object_type: str, ids: Collection[str]) -> dict[str, tuple[str, ...]]:
        client = self._context.client
        return participants_of(lambda pending: client.read_associations(kind, pending, object_type), object_type, ids)

    def _keep_participants(self, kind: str, object_type: str, found: Mapping[str, tuple[str, ...]]) -> None:
        for record_id, people in found.items():
            self._found.setdefault((kind, record_id), {})[object_type] = people

    def _people(self, object_type: str, ids: Sequence[str]) -> dict[str, Person | None]:
        """Read people by their ids; None for those that HubSpot no longer has."""
        client = self._context.client
        batch = client.read_records(object_type, ids)
        return named(object_type, ids, client.mapper.people(object_type, batch.records), batch.refused)

    def _keep_names(self, people: Mapping[str, Person | None]) -> None:
        self._names.update(people)
        self._read |= people.keys()

    def _go_without(self, pause: RefusalPause, failure: HubSpotError) -> None:
        pause.note(failure)
        log.warning("a deal is shown without the names of people: %s", failure)


def named(
    object_type: str, ids: Iterable[str], people: Iterable[Person], refused: Collection[str]
) -> dict[str, Person | None]:
    """Return the people of a batch read by the keys that were asked for, None for those that HubSpot no longer has.

    One that was merged into another comes back as the other. Those that HubSpot refuses are left out.
    """
    found = {key: person for person in people for key in keys_of(object_type, person)}
    keys = {one: person_key(object_type, one) for one in ids if one not in refused}
    return {key: found.get(key) for key in keys.values()}


def keys_of(object_type: str, person: Person) -> tuple[str, ...]:
    """Return all keys that lead to a person."""
    return (person.key, *(person_key(object_type, one) for one in person.merged_ids))
