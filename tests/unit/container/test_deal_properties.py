"""The properties that a process reads with deals, by its settings and by what HubSpot is known to have."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dealcache.container.deal_properties import FurtherProperties
from dealcache.hubspot.activities import DEAL_PROPERTIES
from dealcache.model.deal_properties import PropertyDefinition
from dealcache.model.labels import Labels
from dealcache.reader.label_directory import LabelDirectory
from dealcache.repositories import StoreUnavailable
from dealcache.settings import load_settings

STARTED = datetime(2026, 11, 1, tzinfo=UTC)
SIZE = PropertyDefinition("size", "Size", "number")


class Stored:
    """The labels in MongoDB."""

    def __init__(self) -> None:
        self.labels, self.down, self.reads = Labels(), False, 0

    def read(self) -> Labels:
        self.reads += 1
        if self.down:
            raise StoreUnavailable("no answer")
        return self.labels


@pytest.fixture
def stored() -> Stored:
    return Stored()


def further(stored: Stored, **environ: str) -> FurtherProperties:
    needed = {"HUBSPOT_ACCESS_TOKEN": "pat", "MONGODB_URI": "mongodb://db/"}
    directory = LabelDirectory(stored.read)
    return FurtherProperties(load_settings(needed | environ), directory, stored.read, STARTED, lambda: None)


def test_without_settings_nothing_is_asked_for_or_looked_up(stored: Stored) -> None:
    off = further(stored)
    assert off.asked_for().names() is DEAL_PROPERTIES
    assert off.reading().configured == off.reading().digest == ""
    assert stored.reads == 0


def test_all_names_are_asked_for_but_those_that_hubspot_is_known_not_to_have(stored: Stored) -> None:
    own = further(stored, HUBSPOT_DEAL_PROPERTIES="size,gone")
    asked = own.asked_for()
    assert asked.further() == ("size", "gone")
    unknown = own.reading()
    # Another process reads the definitions; nobody tells this one.
    stored.labels = Labels(properties={"size": SIZE}, absent_properties=frozenset({"gone"}))
    known = own.reading()
    assert asked.further() == ("size",)
    assert (known.configured, known.since) == (unknown.configured, STARTED)
    assert known.digest != unknown.digest


def test_while_mongodb_is_down_it_is_not_known_what_is_read(stored: Stored) -> None:
    own = further(stored, HUBSPOT_DEAL_PROPERTIES="size")
    stored.down = True
    with pytest.raises(StoreUnavailable):
        own.reading()
    assert own.asked_for().further() == ("size",)


def test_stage_history_counts_as_read(stored: Stored) -> None:
    history = further(stored, STAGE_HISTORY="on")
    assert history.reading().digest
    assert history.reading().digest != further(stored, HUBSPOT_DEAL_PROPERTIES="size").reading().digest
