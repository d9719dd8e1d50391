"""Wiring of the names of people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dealcache.hubspot.people_reads import PeopleSource, RefusalPause
from dealcache.reader.people import PeopleDirectory
from dealcache.sync.people_sync import PeopleStorage

if TYPE_CHECKING:
    from dealcache.container.container import Container


@dataclass(frozen=True, slots=True)
class People:
    """The parts that name the people who take part in deals and activities; all None when that is off."""

    directory: PeopleDirectory | None = None
    source: PeopleSource | None = None
    storage: PeopleStorage | None = None


def wire_people(parts: Container) -> People:
    """Make them on top of MongoDB."""
    if parts.settings.associated_names == "off":
        return People()
    directory = PeopleDirectory(parts.storage.people.names)
    pause = RefusalPause("the names of people (ASSOCIATED_NAMES)", parts.timer)
    storage = parts.storage
    kept = PeopleStorage(storage.people, storage.participants, storage.people_store, storage.people_state, pause)
    return People(directory, PeopleSource(directory.known, pause), kept)
