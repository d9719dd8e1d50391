"""Which documents have to be written."""

from __future__ import annotations

from typing import Any

import pytest

from dealcache.repositories.documents import deal_fields, event_fields
from dealcache.repositories.writes.plan import Match, WritePlan, newest_of_each, plan_writes
from tests.unit.repositories.samples import a_deal, an_event, at

KEY = ("deal_id", "engagement_type", "engagement_id")
FIELDS = event_fields("1", an_event(1))


def plan(wanted: dict[str, Any], stored: dict[str, Any] | None, began: float = 60) -> WritePlan:
    return plan_writes(KEY, [] if stored is None else [stored], [wanted], at(began))


def held(synced: float | None = 30, **changes: Any) -> dict[str, Any]:
    return FIELDS | {"_id": "x", "sentiment": "kept"} | ({} if synced is None else {"synced_at": at(synced)}) | changes


def test_an_unknown_event_is_missing() -> None:
    assert plan(FIELDS, None) == WritePlan(missing=[FIELDS])


@pytest.mark.parametrize("other", [{"engagement_type": "calls"}, {"deal_id": "2"}, {"engagement_id": "2"}])
def test_the_same_id_of_another_type_or_deal_is_another_event(other: dict[str, str]) -> None:
    assert plan(FIELDS, held(**other)).missing == [FIELDS]


@pytest.mark.parametrize("synced", [None, 30])
def test_an_event_as_it_was_is_only_confirmed(synced: float | None) -> None:
    assert plan(FIELDS, held(synced)) == WritePlan(confirmed=[Match(held(synced), FIELDS)])


def test_an_event_that_this_load_or_a_later_one_confirmed_needs_nothing() -> None:
    assert plan(FIELDS, held(60)) == WritePlan()
    assert plan(FIELDS, held(61)) == WritePlan()


def test_a_newer_version_is_a_change() -> None:
    newer = FIELDS | {"hubspot_updated_at": at(50), "subject": "new"}
    assert plan(newer, held()) == WritePlan(changed=[Match(held(), newer)])


def test_an_equal_version_of_another_owner_is_a_change() -> None:
    other = FIELDS | {"owner_id": "5"}
    assert plan(other, held()) == WritePlan(changed=[Match(held(), other)])


def test_an_equal_version_of_another_owner_that_was_read_earlier_is_not() -> None:
    assert plan(FIELDS | {"owner_id": "5"}, held(synced=61)) == WritePlan()


def test_a_label_that_an_earlier_version_stored_is_no_difference() -> None:
    assert plan(FIELDS, held(owner="Grace Hopper")) == WritePlan(confirmed=[Match(held(owner="Grace Hopper"), FIELDS)])


def test_such_a_label_stays_beside_its_id_and_goes_with_it() -> None:
    stored = held(owner="Grace Hopper")
    assert Match(stored, FIELDS | {"subject": "new"}).update() == {"subject": "new"}
    assert Match(stored, FIELDS | {"owner_id": "5"}).update() == {"owner_id": "5", "owner": ""}
    before = deal_fields(a_deal(owner_id="4", stage_id="s")) | {"owner": "Eve", "stage": "Won", "pipeline": "Sales"}
    moved = deal_fields(a_deal(owner_id="4", stage_id="t"))
    assert Match(before, moved).update() == {"stage_id": "t", "stage": None}


def test_an_older_version_is_only_confirmed() -> None:
    stored = held(hubspot_updated_at=at(50), subject="new")
    assert plan(FIELDS, stored) == WritePlan(confirmed=[Match(stored, FIELDS)])


def test_a_document_that_lacks_a_field_is_completed() -> None:
    stored = held()
    del stored["hubspot_updated_at"]
    assert plan(FIELDS, stored).changed == [Match(stored, FIELDS)]


def test_of_a_change_only_what_differs_is_written() -> None:
    stored = held()
    del stored["subject"]
    differing = Match(stored, FIELDS | {"owner_id": "5"}).differing()
    assert differing == {"owner_id": "5", "subject": FIELDS["subject"]}


@pytest.mark.parametrize(("began", "restored"), [(29, False), (30, True)])
def test_what_is_archived_gives_way_only_to_what_was_read_later(began: float, restored: bool) -> None:
    archived = deal_fields(a_deal(archived=True)) | {"_id": "x", "synced_at": at(30)}
    newer = deal_fields(a_deal(hubspot_updated_at=at(20)))
    planned = plan_writes(["deal_id"], [archived], [newer], at(began))
    assert bool(planned.changed) is restored
    assert not planned.confirmed


def test_of_several_versions_the_newest_is_taken_and_of_equal_ones_the_last() -> None:
    versions = [FIELDS | {"hubspot_updated_at": at(moment), "subject": subject} for moment, subject in
                [(5, "new"), (7, "newer"), (7, "newest"), (6, "older")]]  # fmt: skip
    other = FIELDS | {"deal_id": "2"}
    assert newest_of_each(KEY, [*versions, other]) == [versions[2], other]


def test_an_optional_field_that_a_deal_no_longer_has_is_a_change() -> None:
    stored = deal_fields(a_deal(currency="EUR", amount_in_home_currency=1.0))
    assert Match(stored, deal_fields(a_deal())).update() == {"currency": None, "amount_in_home_currency": None}
    gone = deal_fields(a_deal()) | {"currency": None, "amount_in_home_currency": None}
    assert Match(gone, deal_fields(a_deal())).update() == {}
    assert Match(gone, deal_fields(a_deal(currency="USD"))).update() == {"currency": "USD"}
