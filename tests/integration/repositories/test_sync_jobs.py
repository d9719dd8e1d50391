"""Sync jobs, against a real MongoDB."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from dealcache.model.jobs import CancelReason, Job, JobStatus, JobType, Progress, SyncRequest
from dealcache.repositories import Cancellation, Connection, SyncJobRepository
from tests.integration.repositories.races import race
from tests.unit.repositories.samples import NOON, at

FULL = SyncRequest(JobType.FULL)
CONFIRM = SyncRequest(JobType.CONFIRM)
LEASE = timedelta(minutes=1)


@pytest.fixture
def jobs(connection: Connection) -> SyncJobRepository:
    return SyncJobRepository(connection)


def running(jobs: SyncJobRepository, request: SyncRequest = FULL, owner: str = "ada") -> Job:
    """A job that ``owner`` took up at noon."""
    added, _ = jobs.add(request, NOON)
    claimed = jobs.claim(owner, NOON, LEASE)
    assert claimed is not None
    assert claimed.job_id == added.job_id
    return claimed


def document(connection: Connection, job: Job) -> dict[str, Any]:
    with connection.operation() as database:
        return database.sync_jobs.find_one({"_id": job.job_id}) or {}


# Asking


def test_a_job_comes_back_as_it_was_asked_for(jobs: SyncJobRepository) -> None:
    request = SyncRequest(JobType.STAGE_DATES, stage="$won.x", first_day=date(2026, 1, 2), last_day=date(2026, 1, 3))
    job, added = jobs.add(request, NOON + timedelta(microseconds=1), at(5))
    assert added
    assert job == Job(job.job_id, request, JobStatus.QUEUED, NOON, at(5))
    assert jobs.get(job.job_id) == job
    assert len(job.job_id) == 32
    assert set(job.job_id) <= set("0123456789abcdef")


def test_asking_again_gives_the_job_that_waits_or_runs(jobs: SyncJobRepository) -> None:
    first, _ = jobs.add(FULL, NOON)
    assert jobs.add(FULL, at(1)) == (first, False)
    claimed = jobs.claim("ada", at(2), LEASE)
    assert jobs.add(FULL, at(3)) == (claimed, False)
    assert jobs.add(SyncRequest(JobType.DEAL, deal="1"), at(3))[1]
    assert jobs.finish(first.job_id, "ada", JobStatus.FAILED, at(4), "", "no", Progress())
    again, added = jobs.add(FULL, at(5))
    assert added
    assert again.job_id != first.job_id


def test_many_who_ask_at_once_get_the_same_job(jobs: SyncJobRepository) -> None:
    answers = race(lambda _: jobs.add(FULL, NOON), 16)
    assert len({job.job_id for job, _ in answers}) == 1
    assert [added for _, added in answers].count(True) == 1


def test_jobs_are_listed_newest_first(jobs: SyncJobRepository) -> None:
    assert jobs.list(None, 10) == (0, [])
    added = [jobs.add(SyncRequest(JobType.DEAL, deal=str(number)), at(number))[0] for number in range(4)]
    assert jobs.list(None, 2) == (4, added[:1:-1])
    jobs.cancel(added[3].job_id, at(9))
    total, cancelled = jobs.list(JobStatus.CANCELLED, 10)
    assert (total, [job.job_id for job in cancelled]) == (1, [added[3].job_id])
    assert jobs.list(JobStatus.RUNNING, 10) == (0, [])


def test_what_another_release_counted_is_left_out(jobs: SyncJobRepository, connection: Connection) -> None:
    job, _ = jobs.add(FULL, NOON)
    with connection.operation() as database:
        database.sync_jobs.update_one({}, {"$set": {"progress": {"phase": "p", "moons": 2}}})
    found = jobs.get(job.job_id)
    assert found is not None
    assert found.progress == Progress("p")


# Taking up


def test_the_oldest_job_that_is_due_is_taken_up(jobs: SyncJobRepository) -> None:
    jobs.add(SyncRequest(JobType.STAGE, stage="early but not due"), at(-3), at(1))
    expected, _ = jobs.add(FULL, at(-2))
    jobs.add(CONFIRM, at(-1))
    claimed = jobs.claim("ada", NOON, LEASE)
    assert claimed == replace(
        expected,
        status=JobStatus.RUNNING,
        started_at=NOON,
        attempts=1,
        owner="ada",
        lease_expires_at=NOON + LEASE,
    )


def test_while_a_job_runs_no_other_is_taken_up(jobs: SyncJobRepository) -> None:
    first = running(jobs)
    jobs.add(CONFIRM, NOON)
    assert jobs.claim("ada", at(0.9), LEASE) is None
    assert jobs.claim("bob", at(0.9), LEASE) is None
    jobs.finish(first.job_id, "ada", JobStatus.COMPLETED, at(0.9), "", None, Progress())
    second = jobs.claim("bob", at(0.9), LEASE)
    assert second is not None
    assert second.request == CONFIRM


@pytest.mark.parametrize("abandoned", [False, True])
def test_of_many_who_claim_at_once_one_gets_a_job(jobs: SyncJobRepository, abandoned: bool) -> None:
    for round_ in range(5):
        now = at(10 * round_)
        for number in range(4):
            jobs.add(SyncRequest(JobType.DEAL, deal=f"{round_} {number}"), now)
        if abandoned:
            jobs.claim("gone", now - 2 * LEASE, LEASE)
        claims = race(lambda number, now=now: jobs.claim(str(number), now, LEASE), 12)  # type: ignore[misc]
        assert sum(job is not None for job in claims) == 1
        assert jobs.list(JobStatus.RUNNING, 10)[0] == 1


def test_a_job_whose_owner_is_gone_goes_on_at_its_checkpoint(jobs: SyncJobRepository) -> None:
    job = running(jobs)
    jobs.add(SyncRequest(JobType.DEAL, deal="older"), at(-5))
    checkpoint = {"after": None, "until": at(-1), "a.b": {"$gt": [1, "x"]}}
    assert jobs.save_checkpoint(job.job_id, "ada", checkpoint, Progress("loading", 7), since=at(-2))
    assert jobs.claim("bob", at(0.99), LEASE) is None
    taken = jobs.claim("bob", at(1), LEASE)
    assert taken is not None
    assert (taken.job_id, taken.attempts, taken.started_at) == (job.job_id, 2, NOON)
    assert (taken.owner, taken.lease_expires_at) == ("bob", at(2))
    assert (taken.checkpoint, taken.progress, taken.since) == (checkpoint, Progress("loading", 7), at(-2))


def test_whoever_lost_a_job_cannot_touch_it_any_more(jobs: SyncJobRepository, connection: Connection) -> None:
    job = running(jobs)
    jobs.claim("bob", at(1), LEASE)
    before = document(connection, job)
    assert jobs.renew(job.job_id, "ada", at(1), LEASE, Progress("mine")) is CancelReason.LOST
    assert not jobs.save_checkpoint(job.job_id, "ada", {"mine": 1}, Progress())
    assert not jobs.finish(job.job_id, "ada", JobStatus.COMPLETED, at(1), "", None, Progress())
    assert not jobs.release(job.job_id, "ada", at(1), "", Progress())
    assert document(connection, job) == before


def test_a_lease_is_renewed_and_shows_the_progress(jobs: SyncJobRepository) -> None:
    job = running(jobs)
    progress = Progress("loading", 3, percent=12.5)
    assert jobs.renew(job.job_id, "ada", at(0.9), LEASE, progress) is None
    assert jobs.claim("bob", at(1.5), LEASE) is None
    found = jobs.get(job.job_id)
    assert found is not None
    assert (found.progress, found.lease_expires_at) == (progress, at(1.9))


def test_warnings_are_kept_and_jobs_of_an_older_release_have_none(
    jobs: SyncJobRepository, connection: Connection
) -> None:
    job = running(jobs)
    progress = Progress("loading", warnings=("no list of archived meetings", "record 7"))
    jobs.renew(job.job_id, "ada", at(0.9), LEASE, progress)
    found = jobs.get(job.job_id)
    assert found is not None
    assert found.progress == progress
    with connection.operation() as database:
        database.sync_jobs.update_one({"_id": job.job_id}, {"$unset": {"progress.warnings": ""}})
    found = jobs.get(job.job_id)
    assert found is not None
    assert found.progress.warnings == ()


def test_only_the_wanted_job_is_taken_up(jobs: SyncJobRepository) -> None:
    jobs.add(FULL, at(-1))
    wanted, _ = jobs.add(CONFIRM, NOON)
    claimed = jobs.claim("ada", NOON, LEASE, only=wanted.job_id)
    assert claimed is not None
    assert claimed.job_id == wanted.job_id
    assert jobs.claim("bob", at(5), LEASE, only="0" * 32) is None
    again = jobs.claim("bob", at(5), LEASE, only=wanted.job_id)
    assert again is not None
    assert again.attempts == 2


def test_a_reserved_job_waits_for_its_owner_while_the_reservation_lasts(jobs: SyncJobRepository) -> None:
    job, _ = jobs.add(FULL, NOON, reserved_for="ada", reserved_until=at(1))
    assert jobs.claim("bob", at(0.9), LEASE) is None
    jobs.reserve(job.job_id, "bob", at(9))
    jobs.reserve(job.job_id, "ada", at(2))
    assert jobs.claim("bob", at(1.9), LEASE) is None
    assert jobs.claim("ada", at(1.9), LEASE) is not None


def test_a_reservation_ends(jobs: SyncJobRepository) -> None:
    jobs.add(FULL, NOON, reserved_for="ada", reserved_until=at(1))
    assert jobs.claim("bob", at(1), LEASE) is not None


# Ending


def test_a_job_ends_once(jobs: SyncJobRepository, connection: Connection) -> None:
    job = running(jobs)
    jobs.save_checkpoint(job.job_id, "ada", {"large": "x"}, Progress())
    assert jobs.finish(job.job_id, "ada", JobStatus.FAILED, at(1), "no luck", "502", Progress("done", 9))
    ended = jobs.get(job.job_id)
    assert ended == replace(
        job,
        status=JobStatus.FAILED,
        finished_at=at(1),
        message="no luck",
        error="502",
        progress=Progress("done", 9),
        owner=None,
        lease_expires_at=None,
    )
    assert "active_identity" not in document(connection, job)
    assert not jobs.finish(job.job_id, "ada", JobStatus.COMPLETED, at(2), "", None, Progress())
    assert jobs.claim("bob", at(9), LEASE) is None


def test_a_job_that_is_given_back_is_taken_up_at_once_by_anybody(jobs: SyncJobRepository) -> None:
    jobs.add(FULL, NOON, reserved_for="ada", reserved_until=at(60))
    job = jobs.claim("ada", NOON, LEASE)
    assert job is not None
    jobs.save_checkpoint(job.job_id, "ada", {"after": "7"}, Progress())
    assert jobs.release(job.job_id, "ada", at(0.1), "stopping", Progress("waiting"))
    waiting = jobs.get(job.job_id)
    assert waiting is not None
    assert (waiting.status, waiting.message, waiting.owner) == (JobStatus.QUEUED, "stopping", None)
    taken = jobs.claim("bob", at(0.1), LEASE)
    assert taken is not None
    assert (taken.job_id, taken.attempts, taken.checkpoint) == (job.job_id, 2, {"after": "7"})
    assert taken.started_at == NOON


def test_a_job_that_waits_can_be_deferred_but_not_brought_forward(jobs: SyncJobRepository) -> None:
    job, _ = jobs.add(FULL, NOON, at(2))
    jobs.defer(job.job_id, at(4))
    jobs.defer(job.job_id, at(3))
    assert jobs.claim("ada", at(3.9), LEASE) is None
    assert jobs.claim("ada", at(4), LEASE) is not None


# Cancelling


def test_a_job_that_waits_is_cancelled_at_once(jobs: SyncJobRepository) -> None:
    job, _ = jobs.add(FULL, NOON)
    assert jobs.cancel(job.job_id, at(1)) is Cancellation.CANCELLED
    ended = jobs.get(job.job_id)
    assert ended is not None
    assert (ended.status, ended.finished_at) == (JobStatus.CANCELLED, at(1))
    assert jobs.claim("ada", at(2), LEASE) is None
    assert jobs.cancel(job.job_id, at(2)) is Cancellation.REFUSED
    assert jobs.cancel("0" * 32, at(2)) is Cancellation.UNKNOWN
    assert jobs.add(FULL, at(3))[1]


def test_the_owner_of_a_running_job_hears_of_its_cancellation(jobs: SyncJobRepository) -> None:
    job = running(jobs)
    assert jobs.cancel(job.job_id, at(0.5)) is Cancellation.REQUESTED
    assert jobs.cancel(job.job_id, at(0.5)) is Cancellation.REQUESTED
    assert jobs.renew(job.job_id, "ada", at(0.6), LEASE, Progress()) is CancelReason.CANCELLED
    assert jobs.finish(job.job_id, "ada", JobStatus.CANCELLED, at(0.7), "stopped", None, Progress())
    assert jobs.cancel(job.job_id, at(0.8)) is Cancellation.REFUSED


def test_a_job_to_be_cancelled_ends_when_it_is_given_back(jobs: SyncJobRepository) -> None:
    job = running(jobs)
    jobs.cancel(job.job_id, at(0.5))
    assert jobs.release(job.job_id, "ada", at(0.6), "stopping", Progress())
    ended = jobs.get(job.job_id)
    assert ended is not None
    assert (ended.status, ended.finished_at) == (JobStatus.CANCELLED, at(0.6))


def test_a_job_whose_owner_is_gone_is_cancelled_at_once(jobs: SyncJobRepository) -> None:
    job = running(jobs)
    assert jobs.cancel(job.job_id, at(1)) is Cancellation.CANCELLED
    assert jobs.renew(job.job_id, "ada", at(1), LEASE, Progress()) is CancelReason.LOST


def test_a_job_to_be_cancelled_whose_owner_is_gone_ends_and_makes_room(jobs: SyncJobRepository) -> None:
    job = running(jobs)
    jobs.add(CONFIRM, NOON)
    jobs.cancel(job.job_id, at(0.5))
    following = jobs.claim("bob", at(1), LEASE)
    assert following is not None
    assert following.request == CONFIRM
    ended = jobs.get(job.job_id)
    assert ended is not None
    assert ended.status is JobStatus.CANCELLED


def test_a_job_is_either_cancelled_or_taken_up(jobs: SyncJobRepository) -> None:
    for round_ in range(20):
        now = at(10 * round_)
        job, _ = jobs.add(FULL, now)

        def act(number: int, job: Job = job, now: Any = now) -> object:
            return jobs.cancel(job.job_id, now) if number else jobs.claim("ada", now, LEASE)

        claimed, cancelled = race(act, 2)
        expected = Cancellation.CANCELLED if claimed is None else Cancellation.REQUESTED
        assert cancelled is expected
        jobs.finish(job.job_id, "ada", JobStatus.CANCELLED, now, "", None, Progress())


def test_mongodb_forgets_ended_jobs_after_thirty_days_and_only_these(connection: Connection) -> None:
    with connection.operation() as database:
        expiry = database.sync_jobs.index_information()["expiry"]
    assert (expiry["key"], expiry["expireAfterSeconds"]) == ([("finished_at", 1)], 30 * 86_400)
