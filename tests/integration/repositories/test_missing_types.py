"""Types of activities that could not be read of some deals."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from dealcache.repositories import Connection, DealInfoRepository, MissingTypeRepository
from tests.unit.repositories.samples import NOON, a_deal, at


@pytest.fixture
def deals(connection: Connection) -> DealInfoRepository:
    return DealInfoRepository(connection)


@pytest.fixture
def unread(connection: Connection) -> MissingTypeRepository:
    return MissingTypeRepository(connection)


def synced(deals: DealInfoRepository) -> dict[str, datetime]:
    return deals.timelines_synced_at(str(number) for number in range(9))


def test_deals_that_were_complete_stay_so(deals: DealInfoRepository, unread: MissingTypeRepository) -> None:
    deals.store([a_deal("1"), a_deal("2"), a_deal("3")], NOON)
    deals.note_timelines_synced(["1", "2", "3"], at(1))
    unread.note_unread(["1", "2"], ["emails"], at(2))
    unread.note_unread(["2"], ["notes", "emails"], at(3))
    assert unread.deals() == {("emails",): ["1"], ("emails", "notes"): ["2"]}
    assert unread.partly_synced(["1", "2", "3"]) == set()
    assert set(synced(deals).values()) == {at(1)}
    unread.note_read(["1", "2", "3"], ["emails"])
    assert unread.deals() == {("notes",): ["2"]}
    unread.note_read(["2"], ["notes"])
    assert unread.deals() == {}
    assert synced(deals) == {"1": at(1), "2": at(1), "3": at(1)}


def test_deals_that_were_never_complete_are_as_of_the_first_reading(
    deals: DealInfoRepository, unread: MissingTypeRepository
) -> None:
    deals.store([a_deal("1"), a_deal("2")], NOON)
    unread.note_partly_synced(["1", "2"], ["emails", "calls"], at(1))
    assert synced(deals) == {}
    assert unread.partly_synced(["1", "2"]) == {"1", "2"}
    assert list(deals.synced_since(NOON, 10)) == [{(at(1), ("calls", "emails")): ["1", "2"]}]
    unread.note_read(["1"], ["calls", "emails"])
    unread.note_read(["2"], ["calls"])
    assert synced(deals) == {"1": at(1)}
    assert unread.deals() == {("emails",): ["2"]}


def test_a_complete_reading_ends_it_and_an_older_partial_one_says_nothing(
    deals: DealInfoRepository, unread: MissingTypeRepository
) -> None:
    deals.store([a_deal("1")], NOON)
    unread.note_partly_synced(["1"], ["emails"], at(1))
    deals.note_timelines_synced(["1"], at(2))
    assert unread.deals() == {}
    unread.note_partly_synced(["1"], ["emails"], at(2))
    unread.note_unread(["1"], ["emails"], at(2) - timedelta(seconds=1))
    assert unread.deals() == {}
    assert synced(deals) == {"1": at(2)}


def test_archived_deals_are_left_out(deals: DealInfoRepository, unread: MissingTypeRepository) -> None:
    deals.store([a_deal("1"), a_deal("2")], NOON)
    unread.note_unread(["1", "2"], ["emails"], at(1))
    deals.mark_archived(["1"], at(2))
    assert unread.deals() == {("emails",): ["2"]}
