"""The overview of the database, its contents and activity, against real documents; and which server answers it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import DatetimeMS

from dealcache.model.jobs import JobStatus, JobType, Progress, SyncRequest, WebhookEvent
from dealcache.repositories import (
    Connection,
    OverviewRepository,
    SyncJobRepository,
    SyncStateRepository,
    WebhookEventRepository,
)
from dealcache.repositories.overview import JobOverview, _questions
from dealcache.repositories.running_count import RunningCount
from tests.clocks import ManualClock

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.fixture
def timer() -> ManualClock:
    return ManualClock()


@pytest.fixture
def overview(connection: Connection, timer: ManualClock) -> OverviewRepository:
    return OverviewRepository(connection, timer)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def add_deals(connection: Connection, count: int, **fields: Any) -> None:
    with connection.operation() as database:
        start = database.deal_info.count_documents({})
        database.deal_info.insert_many([{"deal_id": f"{start + number}"} | fields for number in range(count)])


def add_events(connection: Connection, count: int) -> None:
    with connection.operation() as database:
        start = database.deal_timeline.count_documents({})
        database.deal_timeline.insert_many(
            [
                {"deal_id": "1", "engagement_type": "calls", "engagement_id": f"{start + number}", "occurred_at": NOW}
                for number in range(count)
            ]
        )


def test_an_empty_database_has_nothing(overview):
    told = overview.read(NOW)
    assert (told.deals, told.activities, told.timelines_missing, told.received) == (None, None, 0, 0)
    assert told.jobs == JobOverview(None, 0, None, None)
    assert (told.backlog.pending, told.state.watermark, told.oldest_read_at) == (0, None, None)
    overview.scan(1.0)
    told = overview.read(NOW)
    assert (told.deals, told.activities) == (0, 0)


def test_deals_and_events_are_counted_whatever_comes_and_goes(overview, connection):
    add_deals(connection, 3, timeline_synced_at=ago(50))
    add_deals(connection, 2, timeline_synced_at=ago(70), archived=True)
    add_deals(connection, 4)
    add_deals(connection, 1, archived=True)
    add_events(connection, 5)
    overview.scan(1.0)
    told = overview.read(NOW)
    assert (told.deals, told.activities, told.timelines_missing) == (7, 5, 4)
    add_events(connection, 2)
    with connection.operation() as database:
        database.deal_timeline.delete_one({"engagement_id": "0"})
        database.deal_info.update_one({"deal_id": "0"}, {"$set": {"archived": True}})
        database.deal_info.update_one({"deal_id": "5"}, {"$set": {"timeline_synced_at": NOW}})
        database.deal_info.delete_one({"deal_id": "6"})
    told = overview.read(NOW)
    assert (told.deals, told.activities, told.timelines_missing) == (5, 6, 2)


def test_without_a_watermark_the_deal_that_was_read_longest_ago_is_known(overview, connection, timer):
    add_deals(connection, 1, timeline_synced_at=ago(50))
    add_deals(connection, 1, timeline_synced_at=ago(500))
    add_deals(connection, 1, timeline_synced_at=ago(5_000), archived=True)
    add_deals(connection, 1, timeline_synced_at=ago(-5_000))
    assert overview.read(NOW).oldest_read_at is None
    assert overview.scan(1.0)
    assert overview.read(NOW).oldest_read_at == ago(500)
    SyncStateRepository(connection).advance_watermark(ago(100), NOW)
    assert overview.read(NOW).oldest_read_at is None
    timer.tick(60)
    assert not overview.scan(1.0)


def test_a_question_that_takes_long_is_asked_seldom(overview, connection, timer, monkeypatch):
    asked = []

    def slow(_database: object) -> None:
        asked.append(timer())
        timer.tick(0.5)

    monkeypatch.setattr(overview._scans[-1], "_ask", slow)
    overview.read(NOW)
    overview.scan(0.05)
    for _ in range(120):
        timer.tick(0.1)
        overview.scan(0.05, 0.005)  # never among the quick ones
        overview.scan(0.05)
    assert len(asked) == 2
    assert asked[1] - asked[0] >= 10


def test_jobs_are_those_that_run_wait_and_ended_last(overview, connection):
    jobs = SyncJobRepository(connection)
    for number, (days, status) in enumerate(
        [(1, JobStatus.COMPLETED), (2, JobStatus.FAILED), (3, JobStatus.COMPLETED), (4, JobStatus.CANCELLED)]
    ):
        job, _ = jobs.add(SyncRequest(JobType.SINCE, epoch_days=days), ago(1_000))
        jobs.claim("me", ago(900), timedelta(seconds=60))
        jobs.finish(job.job_id, "me", status, ago(500 - number), "done", None, Progress())
    running, _ = jobs.add(SyncRequest(JobType.FULL), ago(50))
    jobs.claim("me", ago(40), timedelta(seconds=60))
    jobs.add(SyncRequest(JobType.INCREMENTAL), ago(30))
    told = overview.read(NOW).jobs
    assert told.running is not None
    assert told.running.job_id == running.job_id
    assert told.queued == 1
    assert [one and one.request.epoch_days for one in (told.last_completed, told.last_failed)] == [3, 2]


def test_webhook_events_of_the_last_hour_are_counted(overview, connection):
    events = WebhookEventRepository(connection)
    for number, seconds in enumerate((10, 3_599, 3_601)):
        event = WebhookEvent(f"e{number}", "creation", "deals", "1", ago(seconds))
        events.store([event, event], ago(seconds))
    told = overview.read(NOW)
    assert (told.received, told.backlog.pending, told.backlog.oldest_at) == (2, 3, ago(3_601))


def test_what_the_state_says_of_completed_jobs_is_kept(overview, connection):
    SyncStateRepository(connection).note_completed(JobType.FULL, ago(100))
    SyncStateRepository(connection).note_completed(JobType.INCREMENTAL, ago(50))
    SyncStateRepository(connection).note_completed(JobType.INCREMENTAL, ago(20))
    assert overview.read(NOW).state.completed == {"full": ago(100), "incremental": ago(20)}


def test_each_question_is_answered_from_an_index(overview, connection):
    add_deals(connection, 40, timeline_synced_at=ago(50))
    add_deals(connection, 3)
    with connection.operation() as database:
        asked = {"aggregate": "sync_state", "pipeline": _questions(NOW), "cursor": {}}
        plan = str(database.command("explain", asked, verbosity="queryPlanner", codec_options=database.codec_options))
    assert plan.count("IXSCAN") + plan.count("COUNT_SCAN") >= 10
    assert "COLLSCAN" not in plan


def test_a_job_that_cannot_be_read_takes_nothing_else_with_it(overview, connection):
    add_deals(connection, 1)
    with connection.operation() as database:
        database.sync_jobs.insert_one({"_id": "x", "status": "failed", "finished_at": NOW, "request": 7})
    told = overview.read(NOW)
    assert (told.jobs.last_failed, told.timelines_missing) == (None, 1)


class Documents:
    """A collection whose own total a crash makes wrong."""

    def __init__(self) -> None:
        self.documents, self.error, self.counts = 100, 0, 0
        self.comes_meanwhile = 0

    def __getitem__(self, name: str) -> Documents:
        return self

    def estimated_document_count(self) -> int:
        return self.documents + self.error

    def count_documents(self, *_: object, **__: object) -> int:
        self.counts += 1
        counted, self.documents = self.documents, self.documents + self.comes_meanwhile
        return counted


def test_a_total_that_a_crash_made_wrong_is_counted_anew(timer):
    documents, count = Documents(), RunningCount("deals", timer)
    assert (count.read(documents, "first"), count.is_due("first")) == (None, True)
    count.count(documents, "first")
    documents.documents = 130
    assert (count.read(documents, "first"), count.is_due("first")) == (130, False)
    documents.error = -40
    assert (count.read(documents, "second"), count.is_due("second")) == (None, True)
    count.count(documents, "second")
    assert (count.read(documents, "second"), count.is_due("second")) == (130, False)
    documents.documents = 131
    assert count.read(documents, "second") == 131
    timer.tick(601)
    assert count.is_due("second")


def test_what_came_while_it_was_counted_makes_it_count_again(timer):
    documents, count = Documents(), RunningCount("deals", timer)
    documents.comes_meanwhile = 3
    count.count(documents, "first")
    assert count.is_due("first")
    documents.comes_meanwhile = 0
    count.count(documents, "first")
    assert (count.read(documents, "first"), count.is_due("first")) == (103, False)


def test_a_date_out_of_range_hides_nothing_else(overview, connection):
    SyncStateRepository(connection).note_completed(JobType.FULL, NOW)
    with connection.operation() as database:
        database.sync_state.update_one({}, {"$set": {"completed.incremental": DatetimeMS(10**15)}})
        database.webhook_events.insert_one({"_id": "1", "received_at": DatetimeMS(10**15), "pending": True})
    told = overview.read(NOW)
    assert told.state.completed["full"] == NOW
    assert told.backlog.pending == 1
