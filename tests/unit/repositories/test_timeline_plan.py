"""Which events have to be written."""

from __future__ import annotations

from typing import Any

import pytest

from dealcache.repositories.documents import event_fields
from dealcache.repositories.timeline_plan import Change, TimelinePlan, plan_writes
from tests.unit.repositories.samples import an_event, at

FIELDS = event_fields("1", an_event(1))


def plan(wanted: dict[str, Any], stored: dict[str, Any] | None, began: float = 60) -> TimelinePlan:
    return plan_writes([] if stored is None else [stored], [wanted], at(began))


def held(synced: float | None = 30, **changes: Any) -> dict[str, Any]:
    return FIELDS | {"_id": "x", "sentiment": "kept"} | ({} if synced is None else {"synced_at": at(synced)}) | changes


def test_an_unknown_event_is_missing() -> None:
    assert plan(FIELDS, None) == TimelinePlan(missing=[FIELDS])


def test_the_same_id_of_another_type_is_another_event() -> None:
    assert plan(FIELDS, held(engagement_type="calls")).missing == [FIELDS]


@pytest.mark.parametrize("synced", [None, 30])
def test_an_event_as_it_was_is_only_confirmed(synced: float | None) -> None:
    assert plan(FIELDS, held(synced)) == TimelinePlan(confirmed={"x": FIELDS})


def test_an_event_that_this_load_or_a_later_one_confirmed_needs_nothing() -> None:
    assert plan(FIELDS, held(60)) == TimelinePlan()
    assert plan(FIELDS, held(61)) == TimelinePlan()


def test_a_newer_version_is_a_change() -> None:
    newer = FIELDS | {"hubspot_updated_at": at(50), "subject": "new"}
    assert plan(newer, held()) == TimelinePlan(changed=[Change(held(), newer)])


def test_an_equal_version_with_another_label_is_a_change() -> None:
    relabelled = FIELDS | {"owner": "Grace Hopper"}
    assert plan(relabelled, held()) == TimelinePlan(changed=[Change(held(), relabelled)])


def test_an_equal_version_with_another_label_that_was_read_earlier_is_not() -> None:
    assert plan(FIELDS | {"owner": "Grace Hopper"}, held(synced=61)) == TimelinePlan()


def test_an_older_version_is_only_confirmed() -> None:
    stored = held(hubspot_updated_at=at(50), subject="new")
    assert plan(FIELDS, stored) == TimelinePlan(confirmed={"x": FIELDS})


def test_a_document_that_lacks_a_field_is_completed() -> None:
    stored = held()
    del stored["hubspot_updated_at"]
    assert plan(FIELDS, stored).changed == [Change(stored, FIELDS)]


def test_of_a_change_only_what_differs_is_written() -> None:
    stored = held()
    del stored["subject"]
    differing = Change(stored, FIELDS | {"owner": "Grace Hopper"}).differing()
    assert differing == {"owner": "Grace Hopper", "subject": FIELDS["subject"]}
