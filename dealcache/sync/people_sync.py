"""Keeps up to date who takes part in changed deals and activities.

HubSpot's refusal or failure to tell of people fails no job: what was missed is read by a walk through all records,
which begins with the next sync.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from dealcache.hubspot.errors import HubSpotError
from dealcache.hubspot.people import participants_of
from dealcache.hubspot.people_reads import RefusalPause
from dealcache.model.people import PEOPLE_TYPES
from dealcache.repositories import ParticipantRepository, PeopleRepository, SyncStateRepository
from dealcache.sync.bisection import read_by_bisection
from dealcache.sync.hubspot_reader import HubSpotReader
from dealcache.sync.job_progress import JobProgress
from dealcache.sync.refused_types import OF_THE_ACCOUNT, in_brief


@dataclass(frozen=True, slots=True)
class PeopleStorage:
    """The parts of a process with which syncs name people.

    ``pause`` keeps the calls back for a while after HubSpot has refused one.
    """

    people: PeopleRepository
    participants: ParticipantRepository
    state: SyncStateRepository
    pause: RefusalPause


class PeopleSync:
    """The reads and writes of one job. Thread-safe.

    Args:
        storage: keeps people.
        hubspot: makes the calls.
        progress: publishes which deals changed.
        now: returns the present, aware, in UTC.

    Attributes:
        thorough: True for a job that reads again all that belongs to a deal, known participants of activities too.
    """

    def __init__(
        self, storage: PeopleStorage, hubspot: HubSpotReader, progress: JobProgress, now: Callable[[], datetime]
    ) -> None:
        self.storage = storage
        self.hubspot = hubspot
        self.progress = progress
        self.now = now
        self.thorough = False
        self._missed = False

    def may_call(self) -> bool:
        """Return True unless HubSpot has refused to tell of people a while ago."""
        return self.storage.pause.is_over()

    def update(self, kind: str, ids: Collection[str]) -> None:
        """Read who takes part in changed records of one type, at most 1,000, which are stored already.

        Raises:
            HubSpotError: it concerns the whole account.
        """
        if ids and not (self.may_call() and self.read(kind, ids)) and not self._missed:
            self._missed = True
            self.storage.state.note_people_walk()

    def complete(self, kind: str, ids: Collection[str]) -> None:
        """Do what :meth:`update` does for activities that may not have changed: for those with unknown participants."""
        self.update(kind, ids if self.thorough else self.storage.participants.unknown_of(kind, ids))

    def read(self, kind: str, ids: Collection[str]) -> bool:
        """Do what :meth:`update` does; return False if HubSpot failed."""
        read_at = self.now()
        try:
            found = [self._participants(kind, ids, to) for to in PEOPLE_TYPES.values()]
        except HubSpotError as failure:
            self.note(failure)
            return False
        known = set.intersection(*(set(of_type) for of_type in found))
        participants = {one: tuple(key for of_type in found for key in of_type[one]) for one in known}
        self.progress.changed(self.storage.people.save_participants(kind, participants, read_at))
        return True

    def _participants(self, kind: str, ids: Collection[str], to: str) -> dict[str, tuple[str, ...]]:
        def read(some: Sequence[str]) -> dict[str, tuple[str, ...]]:
            return participants_of(lambda pending: self.hubspot.associations_at_once(kind, pending, to), to, some)

        found = read_by_bisection(list(ids), read, lambda: ())
        found.warn(self.progress, f"who of the {to} takes part in {kind}")
        return {one: people for part in found.results for one, people in part.items()}

    def note(self, failure: HubSpotError) -> None:
        """Note that HubSpot did not tell of people; raise ``failure`` if it concerns the whole account."""
        if isinstance(failure, OF_THE_ACCOUNT):
            raise failure
        self.storage.pause.note(failure)
        self.progress.warn(f"HubSpot does not tell the names of people ({in_brief(failure)}); all else is read")
