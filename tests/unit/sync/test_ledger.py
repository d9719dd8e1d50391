"""What a job tells of itself."""

from __future__ import annotations

from dealcache.changes import INFO, TIMELINE, Changes
from dealcache.jobs import JobType, Progress, SyncRequest
from dealcache.sync.ledger import Ledger
from tests.clocks import ManualClock


def test_percent_and_time_left_follow_the_deals():
    clock = ManualClock()
    ledger = Ledger(Progress(), lambda _changes: None, clock)
    ledger.phase("deals", 1000)
    assert ledger.progress().percent == 0.0
    assert ledger.progress().seconds_left is None
    clock.tick(10)
    ledger.deals_read(250)
    assert ledger.progress().percent == 25.0
    assert ledger.progress().seconds_left == 30.0


def test_time_left_counts_only_what_this_process_has_done():
    clock = ManualClock()
    ledger = Ledger(Progress(deals_read=900), lambda _changes: None, clock)
    ledger.phase("deals", 1000)
    clock.tick(10)
    ledger.deals_read(50)
    assert ledger.progress().seconds_left == 10.0


def test_deals_that_are_not_read_to_their_end_count_in_part():
    clock = ManualClock()
    ledger = Ledger(Progress(), lambda _changes: None, clock)
    ledger.phase("deals", 1000)
    clock.tick(10)
    ledger.deals_read(200)
    ledger.part_done(50.0)
    assert ledger.progress().percent == 25.0
    assert ledger.progress().seconds_left == 30.0
    assert ledger.progress().deals_read == 200


def test_more_deals_than_expected_are_no_more_than_all():
    ledger = Ledger(Progress(), lambda _changes: None)
    ledger.phase("deals", 10)
    ledger.deals_read(11)
    assert ledger.progress().percent == 100.0


def test_nobody_knows_the_percentage_without_a_number_of_deals():
    ledger = Ledger(Progress(), lambda _changes: None)
    ledger.phase("deals", None)
    ledger.deals_read(5)
    assert ledger.progress().percent is None


def test_a_changed_deal_counts_once_and_each_change_is_passed_on():
    passed_on: list[Changes] = []
    ledger = Ledger(Progress(deals_changed=7), passed_on.append)
    for views in ((INFO,), (TIMELINE,)):
        changes = Changes()
        changes.note("1", views, ["Acme"])
        ledger.changed(changes)
    ledger.changed(Changes())
    assert ledger.progress().deals_changed == 8
    assert [changes.views for changes in passed_on] == [{"1": {INFO}}, {"1": {TIMELINE}}]


def test_equal_requests_have_one_identity_and_come_back_from_their_parameters():
    request = SyncRequest(JobType.STAGE, stage="won", epoch_days=3)
    assert request.identity == SyncRequest(JobType.STAGE, epoch_days=3, stage="won").identity
    assert request.identity != SyncRequest(JobType.STAGE, stage="won").identity
    assert SyncRequest.from_parameters(request.parameters()) == request
