"""Which views a write is seen in."""

from __future__ import annotations

from typing import Any

import pytest

from dealcache.model.invalidation import ACTIVITIES_COUNT, INFO, TIMELINE
from dealcache.repositories.documents import deal_fields, event_fields
from dealcache.repositories.writes.batches import Written
from dealcache.repositories.writes.plan import Match
from dealcache.repositories.writes.visible_changes import deal_changes, event_changes
from tests.unit.repositories.samples import a_deal, an_event, at

ALL = {INFO, TIMELINE, ACTIVITIES_COUNT}


def changed_deal(before: dict[str, Any], after: dict[str, Any]) -> tuple[dict[str, set[str]], set[str]]:
    changes = deal_changes(Written(changed=[Match(deal_fields(a_deal(**before)), deal_fields(a_deal(**after)))]))
    return changes.views, changes.names


def changed_event(**after: Any) -> dict[str, set[str]]:
    match = Match(event_fields("1", an_event()), event_fields("1", an_event(**after)))
    return event_changes(Written(changed=[match])).views


@pytest.mark.parametrize(
    "after",
    [
        {"owner_id": "2"},
        {"owner_id": None},
        {"stage_id": "x"},
        {"pipeline_id": "x"},
        {"amount": None},
        {"amount": 0.0},
        {"create_date": at(1)},
        {"close_date": None},
        {"currency": "EUR"},
    ],
)
def test_what_the_information_shows(after: dict[str, Any]) -> None:
    assert changed_deal({}, after) == ({"1": {INFO}}, {"Acme renewal"})


@pytest.mark.parametrize(("before", "after"), [("EUR", None), ("EUR", "USD")])
def test_a_currency_that_goes_is_seen(before: str, after: str | None) -> None:
    assert changed_deal({"currency": before}, {"currency": after}) == ({"1": {INFO}}, {"Acme renewal"})


@pytest.mark.parametrize(
    "after",
    [{"hubspot_updated_at": at(1)}, {"owner": "Eve"}, {"stage": "x"}, {"amount_in_home_currency": 1.0}],
)
def test_what_nobody_sees(after: dict[str, Any]) -> None:
    assert changed_deal({}, after) == ({}, set())


def test_a_name_is_seen_in_the_timeline_too_and_under_both_names() -> None:
    assert changed_deal({}, {"deal_name": "Acme 2027"}) == ({"1": {INFO, TIMELINE}}, {"Acme renewal", "Acme 2027"})


@pytest.mark.parametrize(("before", "after"), [(False, True), (True, False)])
def test_archiving_and_restoring_are_seen_everywhere(before: bool, after: bool) -> None:
    assert changed_deal({"archived": before}, {"archived": after}) == ({"1": ALL}, {"Acme renewal"})


def test_what_changes_in_an_archived_deal_is_not_seen() -> None:
    assert changed_deal({"archived": True}, {"archived": True, "amount": 1.0, "merged_ids": ("2",)}) == ({}, set())


def test_a_new_deal_is_seen_everywhere() -> None:
    changes = deal_changes(Written(added=[deal_fields(a_deal(merged_ids=("7",)))]))
    assert (changes.views, changes.names) == ({"1": ALL, "7": ALL}, {"Acme renewal"})
    assert changes.names_of == {"1": {"Acme renewal"}}


def test_ids_that_come_to_lead_to_a_deal_are_noted() -> None:
    assert changed_deal({"merged_ids": ("7",)}, {"merged_ids": ("7", "8")}) == ({"8": ALL}, {"Acme renewal"})


def test_a_document_of_another_release_has_no_merged_ids() -> None:
    stored = deal_fields(a_deal())
    del stored["merged_ids"]
    assert not deal_changes(Written(changed=[Match(stored, deal_fields(a_deal()))]))


@pytest.mark.parametrize(
    ("after", "views"),
    [
        ({"subject": "new"}, {TIMELINE}),
        ({"content": "new"}, {TIMELINE}),
        ({"owner_id": "2"}, {TIMELINE}),
        ({"type": "Incoming Email"}, {TIMELINE, ACTIVITIES_COUNT}),
        ({"occurred_at": at(5)}, {TIMELINE, INFO}),
        ({"occurred_at": at(5), "type": "Call"}, ALL),
    ],
)
def test_what_is_seen_of_an_event(after: dict[str, Any], views: set[str]) -> None:
    assert changed_event(**after) == {"1": views}


@pytest.mark.parametrize("after", [{"owner": "Grace Hopper"}, {"hubspot_updated_at": at(9)}])
def test_what_is_not_seen_of_an_event(after: dict[str, Any]) -> None:
    assert changed_event(**after) == {}


def test_a_new_event_is_seen_everywhere() -> None:
    assert event_changes(Written(added=[event_fields("1", an_event())])).views == {"1": ALL}
