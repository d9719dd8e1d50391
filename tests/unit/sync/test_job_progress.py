"""The progress that a job reports."""

from __future__ import annotations

from dealcache.model.invalidation import INFO, TIMELINE, Changes
from dealcache.model.jobs import JobType, Progress, SyncRequest
from dealcache.sync.job_progress import JobProgress
from tests.clocks import ManualClock


def test_percent_and_time_left_follow_the_deals():
    clock = ManualClock()
    progress = JobProgress(Progress(), lambda _changes: None, clock)
    progress.phase("deals", 1000)
    assert progress.snapshot().percent == 0.0
    assert progress.snapshot().seconds_left is None
    clock.tick(10)
    progress.deals_read(250)
    assert progress.snapshot().percent == 25.0
    assert progress.snapshot().seconds_left == 30.0


def test_time_left_counts_only_what_this_process_has_done():
    clock = ManualClock()
    progress = JobProgress(Progress(deals_read=900), lambda _changes: None, clock)
    progress.phase("deals", 1000)
    clock.tick(10)
    progress.deals_read(50)
    assert progress.snapshot().seconds_left == 10.0


def test_deals_that_are_not_read_to_their_end_count_in_part():
    clock = ManualClock()
    progress = JobProgress(Progress(), lambda _changes: None, clock)
    progress.phase("deals", 1000)
    clock.tick(10)
    progress.deals_read(200)
    progress.part_done(50.0)
    assert progress.snapshot().percent == 25.0
    assert progress.snapshot().seconds_left == 30.0
    assert progress.snapshot().deals_read == 200


def test_more_deals_than_expected_are_no_more_than_all():
    progress = JobProgress(Progress(), lambda _changes: None)
    progress.phase("deals", 10)
    progress.deals_read(11)
    assert progress.snapshot().percent == 100.0


def test_the_percentage_is_unknown_while_there_are_more_deals_than_expected_and_never_goes_back():
    progress = JobProgress(Progress(), lambda _changes: None)
    progress.phase("deals", 100)
    progress.deals_written(100)
    progress.deals_read(60)
    assert progress.snapshot().percent == 60.0
    progress.deals_written(100)
    assert (progress.snapshot().percent, progress.snapshot().seconds_left) == (None, None)
    progress.expect(400)
    assert progress.snapshot().percent == 60.0
    progress.deals_read(240)
    assert progress.snapshot().percent == 75.0
    progress.part_done(40.0)
    assert progress.snapshot().percent == 85.0
    progress.part_done(0.0)
    assert progress.snapshot().percent == 85.0
    assert JobProgress(progress.snapshot(), lambda _changes: None).snapshot().percent is None


def test_a_job_that_goes_on_after_a_crash_counts_no_deal_twice():
    progress = JobProgress(Progress(deals_read=1000, deals_written=2500, percent=10.0), lambda _changes: None)
    progress.resume()
    progress.phase("deals", 10_000)
    progress.deals_written(1400)
    assert progress.snapshot().deals_written == 2500
    assert progress.snapshot().percent == 10.0
    progress.deals_written(200)
    assert progress.snapshot().deals_written == 2600


def test_a_warning_is_kept_once_and_there_are_no_more_than_twenty_short_ones():
    progress = JobProgress(Progress(warnings=("known",)), lambda _changes: None)
    for warning in ("known", "x" * 1000, "x" * 1000, *(f"record {number}" for number in range(100))):
        progress.warn(warning)
    warnings = progress.snapshot().warnings
    assert warnings[:3] == ("known", "x" * 297 + "...", "record 0")
    assert (len(warnings), warnings[-1]) == (20, "and more; the log has them all")


def test_nobody_knows_the_percentage_without_a_number_of_deals():
    progress = JobProgress(Progress(), lambda _changes: None)
    progress.phase("deals", None)
    progress.deals_read(5)
    assert progress.snapshot().percent is None


def test_a_changed_deal_counts_once_and_each_change_is_passed_on():
    passed_on: list[Changes] = []
    progress = JobProgress(Progress(deals_changed=7), passed_on.append)
    for views in ((INFO,), (TIMELINE,)):
        changes = Changes()
        changes.note("1", views, ["Acme"])
        progress.changed(changes)
    progress.changed(Changes())
    assert progress.snapshot().deals_changed == 8
    assert [changes.views for changes in passed_on] == [{"1": {INFO}}, {"1": {TIMELINE}}]


def test_equal_requests_have_one_identity_and_come_back_from_their_parameters():
    request = SyncRequest(JobType.STAGE, stage="won", epoch_days=3)
    assert request.identity == SyncRequest(JobType.STAGE, epoch_days=3, stage="won").identity
    assert request.identity != SyncRequest(JobType.STAGE, stage="won").identity
    assert SyncRequest.from_parameters(request.parameters()) == request
