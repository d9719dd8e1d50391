"""When stored deals must be read again, because more is read with deals than they were read with."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dealcache.model.deal_properties import PropertyDefinition
from dealcache.model.labels import Labels
from dealcache.model.read_with_deals import ReadWithDeals, is_outdated, read_with_deals

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
SIZE, SOURCE = PropertyDefinition("size", "Size", "number"), PropertyDefinition("source", "Source", "string")
LABELS = Labels(properties={"size": SIZE, "source": SOURCE}, absent_properties=frozenset({"gone"}))


def reading(*names: str, labels: Labels = LABELS, minutes: float = 0, features: tuple[str, ...] = ()) -> ReadWithDeals:
    return read_with_deals(names, features, labels, NOON + timedelta(minutes=minutes))


def defined(**changes: str) -> Labels:
    return replace(LABELS, properties={**LABELS.properties, "size": replace(SIZE, **changes)})


def test_nothing_is_read_again_while_nothing_was_or_is_wanted() -> None:
    assert not is_outdated(None, reading())
    assert not is_outdated(reading(), reading(minutes=1))


@pytest.mark.parametrize(
    "present",
    [
        reading("size"),
        reading("size", "source", "other", minutes=1),
        reading("size", "source", minutes=1, features=("stage history",)),
        reading(minutes=1),
        reading("size", "source", labels=defined(type="string")),
        reading("size", "source", labels=defined(type="enumeration", field_type="checkbox")),
        reading("size", "source", labels=Labels()),
    ],
    ids=range(7),
)
def test_other_properties_and_other_types_need_another_reading(present: ReadWithDeals) -> None:
    stored = (
        None
        if present.since == NOON and present.configured == reading("size").configured
        else reading("size", "source")
    )
    assert is_outdated(stored, present)


@pytest.mark.parametrize(
    "present",
    [
        reading("size", "source", minutes=5),
        reading("source", "size", minutes=-5),
        reading("size", "source", labels=defined(label="Seats")),
        # Settings of a process that started earlier: it is about to be replaced.
        reading("size", minutes=-1),
        reading(minutes=-1),
    ],
    ids=range(5),
)
def test_the_same_and_earlier_settings_need_none(present: ReadWithDeals) -> None:
    assert not is_outdated(reading("size", "source"), present)


def test_an_absent_property_that_comes_to_exist_needs_another_reading() -> None:
    stored = reading("size", "gone")
    assert stored.digest == reading("size").digest
    come = replace(LABELS, properties={**LABELS.properties, "gone": SOURCE}, absent_properties=frozenset())
    assert is_outdated(stored, reading("size", "gone", labels=come))


def test_two_processes_with_different_settings_do_not_go_on_reading_by_turns() -> None:
    first, second = reading("size"), reading("source", minutes=1)
    stored, reads = None, 0
    for present in (first, second, first, second, first):
        if is_outdated(stored, present):
            stored, reads = present, reads + 1
    assert (stored, reads) == (second, 2)


def test_what_a_feature_comes_to_may_change_by_itself() -> None:
    stored = read_with_deals([], ["stage history"], Labels(), NOON, ["entered_1"])
    assert not is_outdated(stored, read_with_deals([], ["stage history"], Labels(), NOON, ["entered_1"]))
    assert is_outdated(stored, read_with_deals([], ["stage history"], Labels(), NOON, ["entered_2", "entered_1"]))
