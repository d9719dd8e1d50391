"""The path of reported changes, with a clock that tests advance and no thread."""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from dealcache.live.announcer import MOST_AT_ONCE, MOST_TRIES, RETRY_SECONDS, Announcer
from dealcache.live.messages import DealUpdate
from dealcache.model.invalidation import ACTIVITIES_COUNT, INFO, TIMELINE, Changes
from dealcache.repositories import StoreUnavailable
from tests.clocks import ManualClock

AT = datetime(2026, 11, 25, 12, tzinfo=UTC)


class Stand:
    """An announcer, and what is around it."""

    def __init__(self, hold_seconds: float = 0.0) -> None:
        self.names = {"1": "Acme renewal", "2": "Globex"}
        self.asked: list[list[str]] = []
        self.told: list[DealUpdate] = []
        self.waited_for = 0
        self.has_clients = True
        self.fails = False
        self.clock = ManualClock(0.0)
        self.announcer = Announcer(self.names_of, self, hold_seconds, self.clock)

    def names_of(self, deal_ids: Collection[str]) -> dict[str, str]:
        self.asked.append(list(deal_ids))
        if self.fails:
            raise StoreUnavailable("MongoDB does not answer")
        return {one: self.names[one] for one in deal_ids if one in self.names}

    def publish(self, updates: Sequence[DealUpdate]) -> None:
        self.told += updates

    def wait_until_idle(self, seconds: float) -> None:
        self.waited_for += 1

    def changed(self, deal_id: str, *views: str, names: Sequence[str] = (), at: datetime = AT) -> None:
        changes = Changes()
        changes.note(deal_id, views, names)
        self.announcer.announce(changes, at)

    def tell(self) -> list[DealUpdate]:
        """Return what is told when the time is looked at."""
        before = len(self.told)
        self.announcer.publish_due()
        return self.told[before:]


@pytest.fixture
def stand() -> Stand:
    return Stand()


def test_names_are_looked_up_for_all_deals_together(stand):
    changes = Changes({"1": {INFO}, "2": {TIMELINE}}, {"Old name"}, {"1": {"Old name"}})
    stand.announcer.announce(changes, AT)
    assert stand.tell() == [
        DealUpdate("1", "Acme renewal", frozenset({INFO}), AT, frozenset({"Old name"})),
        DealUpdate("2", "Globex", frozenset({TIMELINE}), AT),
    ]
    assert stand.asked == [["1", "2"]]
    assert stand.tell() == []


def test_names_without_a_deal_are_no_update(stand):
    stand.announcer.announce(Changes({}, {"Shared"}), AT)
    stand.announcer.announce(Changes(), AT)
    assert stand.tell() == []


def test_a_deal_that_nobody_knows_is_told_of_without_a_name(stand):
    stand.changed("404", INFO)
    assert [update.deal_name for update in stand.tell()] == [""]


def test_nothing_is_looked_up_while_nobody_listens(stand):
    stand.has_clients = False
    stand.changed("1", INFO)
    stand.has_clients = True
    assert stand.tell() == []
    stand.changed("1", INFO)
    stand.has_clients = False
    assert stand.tell() == []
    assert stand.asked == []


def test_a_deal_that_changes_again_while_it_waits_is_told_of_once(stand):
    stand.changed("1", INFO, names=["Acme"])
    stand.changed("2", INFO)
    stand.changed("1", ACTIVITIES_COUNT, names=["Acme 2027"], at=AT + timedelta(seconds=1))
    assert [(one.deal_id, one.changed, one.at, one.other_names) for one in stand.tell()] == [
        ("2", {INFO}, AT, set()),
        ("1", {INFO, ACTIVITIES_COUNT}, AT + timedelta(seconds=1), {"Acme", "Acme 2027"}),
    ]
    stand.changed("1", TIMELINE)
    assert [one.changed for one in stand.tell()] == [{TIMELINE}]


def test_changes_are_held_back_until_all_workers_have_let_go():
    stand = Stand(hold_seconds=1.0)
    stand.has_clients = False
    stand.changed("1", INFO)
    stand.clock.tick(0.5)
    stand.changed("2", INFO)
    stand.changed("1", TIMELINE)
    stand.has_clients = True  # who came meanwhile may have read an old value somewhere
    assert stand.announcer.publish_due() == pytest.approx(1.0)
    stand.clock.tick(0.9)
    assert stand.tell() == []
    stand.clock.tick(0.2)
    assert [(one.deal_id, one.changed) for one in stand.tell()] == [("2", {INFO}), ("1", {INFO, TIMELINE})]
    assert stand.announcer.publish_due() is None


def test_a_deal_that_changes_again_is_held_back_anew():
    stand = Stand(hold_seconds=1.0)
    stand.changed("1", INFO)
    stand.clock.tick(0.5)
    stand.changed("1", TIMELINE)
    stand.clock.tick(0.9)
    assert stand.announcer.publish_due() == pytest.approx(0.1)
    stand.clock.tick(0.2)
    assert [one.changed for one in stand.tell()] == [{INFO, TIMELINE}]


def test_many_deals_go_out_bit_by_bit_and_each_bit_is_waited_for(stand):
    stand.announcer.announce(Changes({str(number): {INFO} for number in range(2 * MOST_AT_ONCE + 1)}), AT)
    assert [one.deal_id for one in stand.tell()] == [str(number) for number in range(2 * MOST_AT_ONCE + 1)]
    assert [len(asked) for asked in stand.asked] == [MOST_AT_ONCE, MOST_AT_ONCE, 1]
    assert stand.waited_for == 3


def test_a_failure_of_mongodb_loses_nothing(stand):
    stand.fails = True
    stand.changed("1", INFO, names=["Acme"])
    stand.changed("2", INFO)
    assert stand.announcer.publish_due() == RETRY_SECONDS
    stand.changed("1", TIMELINE, at=AT + timedelta(seconds=1))
    stand.changed("3", TIMELINE)
    stand.clock.tick(RETRY_SECONDS - 0.5)
    assert stand.announcer.publish_due() == 0.5
    assert len(stand.asked) == 1  # a change that comes meanwhile does not have it tried sooner
    stand.clock.tick(0.5)
    assert stand.announcer.publish_due() == RETRY_SECONDS
    stand.fails = False
    stand.clock.tick(RETRY_SECONDS)
    assert [(one.deal_id, one.deal_name, one.changed, one.other_names) for one in stand.tell()] == [
        ("2", "Globex", {INFO}, set()),
        ("1", "Acme renewal", {INFO, TIMELINE}, {"Acme"}),
        ("3", "", {TIMELINE}, set()),
    ]


def test_in_the_end_clients_are_told_with_what_is_known(stand):
    stand.fails = True
    stand.changed("1", INFO, names=["Acme"])
    stand.changed("2", INFO, names=["Globex", "Globex 2027"])
    for _ in range(MOST_TRIES - 1):
        assert stand.tell() == []
        stand.clock.tick(RETRY_SECONDS)
    assert [(one.deal_name, one.name_keys) for one in stand.tell()] == [
        ("Acme", {"acme"}),
        ("", {"globex", "globex 2027"}),
    ]
    assert len(stand.asked) == MOST_TRIES
    stand.changed("1", INFO)
    assert stand.tell() == []  # and then begins to be patient anew


def test_the_thread_tells_at_once_and_ends_when_asked_to(stand):
    told = threading.Event()
    publish = stand.publish
    stand.publish = lambda updates: (publish(updates), told.set())
    stand.announcer.thread.start()
    stand.changed("1", INFO)
    assert told.wait(60)
    stand.announcer.thread.stop(0.0)
    assert stand.announcer.thread.stop(10)


def test_an_error_of_our_own_does_not_end_the_thread(stand, caplog):
    failed, told = threading.Event(), threading.Event()
    publish = stand.publish

    def fail_once(updates: Sequence[DealUpdate]) -> None:
        stand.publish = lambda updates: (publish(updates), told.set())
        failed.set()
        raise RuntimeError("ours")

    stand.publish = fail_once
    stand.announcer.thread.start()
    stand.changed("1", INFO)
    assert failed.wait(60)
    stand.changed("2", INFO)
    assert told.wait(60)
    assert stand.announcer.thread.stop(10)
    assert "announcer failed and continues" in caplog.text
