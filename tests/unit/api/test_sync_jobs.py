"""Asking for syncs: what each call stands for, what is refused, what is answered."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, date, datetime
from types import SimpleNamespace
from urllib.parse import urlencode

import pytest

from dealcache.api import sync_jobs
from dealcache.api.access import Tokens
from dealcache.hubspot.errors import TimedOut
from dealcache.model.jobs import FINAL, Job, JobStatus, JobType, Progress, SyncRequest
from dealcache.model.labels import Labels
from dealcache.model.pipelines import Pipeline, Stage
from dealcache.repositories import Cancellation, StoreUnavailable
from tests.unit.api.stands import client_of

SYNC = "/api/hubspot/v2/sync"
NOW = datetime.fromtimestamp(1_800_000_000, UTC)
WON = Stage("closedwon", "Closed Won", 2, 1.0, is_closed=True)
OPEN = Stage("991", "In Talks", 1, 0.5, is_closed=False)
SALES = Pipeline("default", "Sales", 0, (OPEN, WON))


class Jobs:
    """Jobs in memory, as :class:`SyncJobRepository` keeps them."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.cancelled: list[tuple[str, datetime]] = []
        self.outcome = Cancellation.CANCELLED
        self.asked: list[tuple[JobStatus | None, int]] = []
        self.down = False

    def add(self, request: SyncRequest, now: datetime) -> tuple[Job, bool]:
        if self.down:
            raise StoreUnavailable("no answer")
        for job in self.jobs:
            if job.request.identity == request.identity and job.status not in FINAL:
                return job, False
        self.jobs.append(Job(f"{len(self.jobs):032x}", request, JobStatus.QUEUED, created_at=now, due_at=now))
        return self.jobs[-1], True

    def get(self, job_id: str) -> Job | None:
        return next((job for job in self.jobs if job.job_id == job_id), None)

    def list(self, status: JobStatus | None, limit: int) -> tuple[int, list[Job]]:
        self.asked.append((status, limit))
        return len(self.jobs), self.jobs[:limit]

    def cancel(self, job_id: str, now: datetime) -> Cancellation:
        self.cancelled.append((job_id, now))
        return self.outcome


class Account:
    """HubSpot's pipelines, and what MongoDB knows of them."""

    def __init__(self) -> None:
        self.known: list[Pipeline] = [SALES]
        self.at_hubspot: list[Pipeline] | None = None
        self.refreshes = 0

    def labels(self) -> Labels:
        return Labels((), tuple(self.known))

    def refresh(self) -> None:
        self.refreshes += 1
        if self.at_hubspot is None:
            raise TimedOut("no answer")
        self.known = self.at_hubspot


@pytest.fixture
def jobs():
    return Jobs()


@pytest.fixture
def account():
    return Account()


@pytest.fixture
def wakes():
    return []


@pytest.fixture
def client(jobs, account, wakes):
    counter = itertools.count()
    return client_of(
        sync_jobs.blueprint,
        storage=SimpleNamespace(sync_jobs=jobs, labels=SimpleNamespace(read=account.labels)),
        labels=SimpleNamespace(refresh=account.refresh),
        wake_sync=lambda: wakes.append(next(counter)),
    )


def errors_of(answer) -> dict[str, list[str]]:
    assert answer.status_code == 422
    assert answer.content_type == "application/problem+json"
    return answer.get_json()["errors"]


DAY = date(2026, 2, 28)
CALLS = [
    ("", {}, SyncRequest(JobType.INCREMENTAL)),
    ("", {"full": True}, SyncRequest(JobType.FULL)),
    ("", {"full": False}, SyncRequest(JobType.INCREMENTAL)),
    ("", {"epoch_days": 7}, SyncRequest(JobType.SINCE, epoch_days=7)),
    ("", {"epoch_days": 3650, "full": False}, SyncRequest(JobType.SINCE, epoch_days=3650)),
    ("", {"stage": " closed won"}, SyncRequest(JobType.STAGE, stage="Closed Won")),
    ("", {"stage": "991", "epoch_days": 1}, SyncRequest(JobType.STAGE, stage="In Talks", epoch_days=1)),
    ("", {"deal": " Müller & Söhne "}, SyncRequest(JobType.DEAL, deal="Müller & Söhne")),
    (
        "/stage/date",
        {"stage": "Closed Won", "date_str": "2026-02-28"},
        SyncRequest(JobType.STAGE_DATES, stage="Closed Won", first_day=DAY, last_day=DAY),
    ),
    (
        "/stage/date-range",
        {"stage": "Closed Won", "start_date": "2026-02-28", "end_date": "2027-02-28"},
        SyncRequest(JobType.STAGE_DATES, stage="Closed Won", first_day=DAY, last_day=date(2027, 2, 28)),
    ),
    (
        "/deal/date",
        {"deal": "42", "date_str": "2026-02-28"},
        SyncRequest(JobType.DEAL_DATE, deal="42", first_day=DAY, last_day=DAY),
    ),
    ("/all-stages/date", {"date_str": "2026-02-28"}, SyncRequest(JobType.ALL_STAGES_DATE, first_day=DAY, last_day=DAY)),
    (
        "/all-stages/date-range",
        {"start_date": "2026-02-28", "end_date": "2027-02-28"},
        SyncRequest(JobType.ALL_STAGES_DATE, first_day=DAY, last_day=date(2027, 2, 28)),
    ),
]


def in_query(values) -> str:
    return urlencode({name: str(value).lower() if value in (True, False) else value for name, value in values.items()})


@pytest.mark.parametrize("place", ["query", "body"])
@pytest.mark.parametrize(("path", "values", "request_meant"), CALLS)
def test_what_each_call_stands_for_in_the_query_or_in_the_body(client, jobs, wakes, path, values, request_meant, place):
    given = {"query_string": in_query(values)} if place == "query" else {"json": values}
    answer = client.post(SYNC + path, **given)
    assert (answer.status_code, len(wakes)) == (202, 1)
    assert [job.request for job in jobs.jobs] == [request_meant]
    assert jobs.jobs[0].created_at == NOW
    assert answer.get_json() == {"status": "accepted", "message": "The sync is queued.", "job_id": "0" * 32}


def test_parameters_of_both_places_are_put_together(client, jobs):
    assert client.post(f"{SYNC}?stage=closedwon&epoch_days=07", json={"epoch_days": 7.0}).status_code == 202
    assert jobs.jobs[0].request == SyncRequest(JobType.STAGE, stage="Closed Won", epoch_days=7)


def test_an_empty_body_is_none_whatever_it_is_called(client, jobs):
    for content_type in ("application/json", "application/x-www-form-urlencoded", ""):
        assert client.post(SYNC, data=b"", content_type=content_type).status_code == 202
    assert [job.request for job in jobs.jobs] == [SyncRequest(JobType.INCREMENTAL)]


def test_every_way_to_write_a_stage_asks_for_the_same_job(client, jobs):
    ids = {
        client.post(SYNC, json={"stage": text}).get_json()["job_id"]
        for text in ("Closed Won", "CLOSED WON ", "closedwon")
    }
    assert len(ids) == len(jobs.jobs) == 1


def test_who_asks_again_is_told_where_the_job_stands(client, jobs):
    client.post(SYNC)
    again = client.post(SYNC).get_json()
    assert again == {"status": "accepted", "message": "This sync is queued already.", "job_id": "0" * 32}
    jobs.jobs[0] = replace(jobs.jobs[0], status=JobStatus.RUNNING)
    assert client.post(SYNC).get_json()["message"] == "This sync is running already."


REFUSED = [
    ("", {"full": "true", "stage": "Closed Won"}, {"full", "stage"}),
    ("", {"full": "true", "epoch_days": "3"}, {"full", "epoch_days"}),
    ("", {"deal": "Acme", "stage": "Closed Won"}, {"deal", "stage"}),
    ("", {"deal": "Acme", "epoch_days": "3", "full": "true"}, {"deal", "epoch_days", "full"}),
    ("", {"stgae": "Closed Won"}, {"stgae"}),
    ("", {"epoch_days": "0"}, {"epoch_days"}),
    ("", {"epoch_days": "3651"}, {"epoch_days"}),
    ("", {"epoch_days": "-1"}, {"epoch_days"}),
    ("", {"epoch_days": "1.5"}, {"epoch_days"}),
    ("", {"full": "yes"}, {"full"}),
    ("", {"deal": " "}, {"deal"}),
    ("", {"deal": "a\x00b"}, {"deal"}),
    ("", {"deal": "x" * 513}, {"deal"}),
    ("", {"stage": " "}, {"stage"}),
    ("", {"stage": "x" * 513}, {"stage"}),
    ("/stage/date", {}, {"stage", "date_str"}),
    ("/stage/date", {"stage": "Closed Won", "date_str": "2026-02-29"}, {"date_str"}),
    ("/stage/date", {"stage": "Closed Won", "date_str": "20260228"}, {"date_str"}),
    ("/stage/date", {"stage": "Closed Won", "date_str": "28.02.2026"}, {"date_str"}),
    ("/stage/date", {"stage": "Closed Won", "date_str": "0001-01-01"}, {"date_str"}),
    ("/stage/date", {"stage": "Closed Won", "date_str": "9999-12-31"}, {"date_str"}),
    ("/stage/date", {"stage": "Closed Won", "date_str": "2026-02-28", "full": "true"}, {"full"}),
    ("/stage/date-range", {"stage": "Closed Won", "start_date": "2026-02-28"}, {"end_date"}),
    (
        "/stage/date-range",
        {"stage": "Closed Won", "start_date": "2026-02-28", "end_date": "2026-02-27"},
        {"end_date"},
    ),
    (
        "/stage/date-range",
        {"stage": "Closed Won", "start_date": "2026-02-28", "end_date": "2027-03-01"},
        {"end_date"},
    ),
    ("/deal/date", {"date_str": "2026-02-28"}, {"deal"}),
    ("/all-stages/date", {"stage": "Closed Won", "date_str": "2026-02-28"}, {"stage"}),
    ("/all-stages/date-range", {}, {"start_date", "end_date"}),
    ("/all-stages/date-range", {"start_date": "2026-02-28", "end_date": "2026-02-27"}, {"end_date"}),
]


@pytest.mark.parametrize(("path", "values", "fields"), REFUSED)
def test_what_makes_no_sense_is_refused_by_field_and_queues_nothing(client, jobs, path, values, fields):
    assert set(errors_of(client.post(SYNC + path, query_string=values))) == fields
    assert jobs.jobs == []


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"epoch_days": "7"}, "epoch_days"),
        ({"epoch_days": True}, "epoch_days"),
        ({"epoch_days": 7.5}, "epoch_days"),
        ({"epoch_days": 1e300}, "epoch_days"),
        ({"epoch_days": None}, "epoch_days"),
        ({"full": "true"}, "full"),
        ({"full": 1}, "full"),
        ({"stage": 991}, "stage"),
        ({"stage": None}, "stage"),
        ({"deal": ["Acme"]}, "deal"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_a_value_of_another_json_type_is_refused(client, jobs, values, field):
    assert set(errors_of(client.post(SYNC, json=values))) == {field}
    assert jobs.jobs == []


@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b'"full"', b"\xff", b'{"stage": "\\ud800"}', b"[" * 100_000])
def test_a_body_that_is_no_json_object_is_refused(client, body):
    assert set(errors_of(client.post(SYNC, data=body, content_type="application/json"))) == {"body"}


def test_a_form_is_not_taken_for_an_empty_request(client, jobs):
    answer = client.post(SYNC, data={"stage": "Closed Won"})
    assert (answer.status_code, answer.content_type) == (415, "application/problem+json")
    assert jobs.jobs == []


def test_the_same_parameter_twice_must_say_the_same(client, jobs):
    assert set(errors_of(client.post(f"{SYNC}?epoch_days=7", json={"epoch_days": 8}))) == {"epoch_days"}
    assert set(errors_of(client.post(f"{SYNC}?epoch_days=x", json={"epoch_days": 8}))) == {"epoch_days"}
    assert set(errors_of(client.post(f"{SYNC}?full=true&full=true"))) == {"full"}
    assert client.post(f"{SYNC}?full=True", json={"full": True}).status_code == 202


def test_a_stage_that_nobody_knows_is_answered_with_those_there_are(client, jobs, account):
    doubtful = Pipeline("2", "Partners", 1, (Stage("7", "closed won", 0, None, is_closed=False),))
    account.at_hubspot = [SALES, doubtful]
    told = errors_of(client.post(SYNC, json={"stage": "Nowhere"}))
    assert told == {"stage": ["There is no such stage. Stages: In Talks, Closed Won (Sales), closed won (Partners)."]}
    assert (account.refreshes, jobs.jobs) == (1, [])


def test_a_new_stage_is_found_by_asking_hubspot_once(client, jobs, account):
    account.at_hubspot = [replace(SALES, stages=(*SALES.stages, Stage("8", "Brand New", 3, 0.1, is_closed=False)))]
    assert client.post(SYNC, json={"stage": "brand new"}).status_code == 202
    assert client.post(SYNC, json={"stage": "Closed Won"}).status_code == 202
    assert account.refreshes == 1


def test_hubspot_down_leaves_an_unknown_stage_unknown(client, account):
    assert "In Talks" in errors_of(client.post(SYNC, json={"stage": "Nowhere"}))["stage"][0]
    account.known = []
    assert "Stages: none." in errors_of(client.post(SYNC, json={"stage": "Nowhere"}))["stage"][0]


def test_mongodb_down_is_503(client, jobs, wakes):
    jobs.down = True
    answer = client.post(SYNC)
    assert (answer.status_code, wakes) == (503, [])
    assert int(answer.headers["Retry-After"]) > 0


def test_a_job_is_shown_with_everything_the_contract_names(client, jobs):
    request = SyncRequest(JobType.STAGE_DATES, stage="Closed Won", first_day=DAY, last_day=DAY)
    progress = Progress("reading deals", 10, 9, 8, 7, 6, 5, 1.23456, 50.0, 12.5, ("no archived meetings",))
    jobs.jobs.append(
        Job(
            "a" * 32,
            request,
            JobStatus.RUNNING,
            created_at=NOW,
            due_at=NOW,
            started_at=NOW,
            since=datetime(2026, 1, 1, tzinfo=UTC),
            message="Under way.",
            cancel_requested=True,
            progress=progress,
        )
    )
    assert client.get(f"{SYNC}/status/{'a' * 32}").get_json() == {
        "job_id": "a" * 32,
        "type": "stage_dates",
        "status": "running",
        "created_at": "2027-01-15T08:00:00.000Z",
        "due_at": "2027-01-15T08:00:00.000Z",
        "started_at": "2027-01-15T08:00:00.000Z",
        "finished_at": None,
        "epoch0": "2026-01-01T00:00:00.000Z",
        "deal": None,
        "stage": "Closed Won",
        "start_date": "2026-02-28",
        "end_date": "2026-02-28",
        "message": "Under way.",
        "error": None,
        "cancelled": True,
        "warnings": ["no archived meetings"],
        "progress": {
            "phase": "reading deals",
            "deals_read": 10,
            "deals_written": 9,
            "activities_read": 8,
            "activities_written": 7,
            "deals_changed": 6,
            "calls": 5,
            "waited_seconds": 1.235,
            "percent": 50.0,
            "seconds_left": 12.5,
        },
    }


@pytest.mark.parametrize(("status", "cancelled"), [(JobStatus.CANCELLED, True), (JobStatus.FAILED, False)])
def test_whether_an_ended_job_is_cancelled(client, jobs, status, cancelled):
    job = Job("a" * 32, SyncRequest(JobType.FULL), status, created_at=NOW, due_at=NOW, error="HubSpot is down")
    jobs.jobs.append(job)
    shown = client.get(f"{SYNC}/status/{job.job_id}").get_json()
    assert (shown["cancelled"], shown["error"]) == (cancelled, "HubSpot is down")


@pytest.mark.parametrize("job_id", ["f" * 32, "F" * 32, "x", "0" * 33, "%00", "..."])
def test_a_job_that_is_none_is_404(client, jobs, job_id):
    jobs.outcome = Cancellation.UNKNOWN
    assert client.get(f"{SYNC}/status/{job_id}").status_code == 404
    assert client.post(f"{SYNC}/cancel/{job_id}").status_code == 404


def test_what_is_no_id_never_reaches_mongodb(client, jobs):
    client.post(f"{SYNC}/cancel/x")
    assert jobs.cancelled == []


@pytest.mark.parametrize(
    ("outcome", "status"),
    [(Cancellation.REFUSED, 400), (Cancellation.CANCELLED, 200), (Cancellation.REQUESTED, 200)],
)
def test_cancelling(client, jobs, outcome, status):
    jobs.outcome = outcome
    answer = client.post(f"{SYNC}/cancel/{'a' * 32}")
    assert answer.status_code == status
    assert status != 200 or answer.get_json()["status"] == "success"
    assert jobs.cancelled == [("a" * 32, NOW)]


def test_the_list_of_jobs(client, jobs):
    client.post(SYNC)
    listed = client.get(f"{SYNC}/jobs").get_json()
    assert (listed["total_jobs"], [job["job_id"] for job in listed["jobs"]]) == (1, ["0" * 32])
    client.get(f"{SYNC}/jobs?status=completed&limit=1000")
    assert jobs.asked == [(None, 100), (JobStatus.COMPLETED, 1000)]


@pytest.mark.parametrize(("query", "field"), [("status=done", "status"), ("limit=0", "limit"), ("limit=1001", "limit")])
def test_a_list_of_jobs_that_cannot_be_given(client, query, field):
    assert set(errors_of(client.get(f"{SYNC}/jobs?{query}"))) == {field}


def test_syncs_ask_for_the_admin_token_and_looking_at_them_for_any(jobs, account):
    tokens = Tokens("api", "admin")
    client = client_of(
        sync_jobs.blueprint,
        tokens,
        storage=SimpleNamespace(sync_jobs=jobs, labels=SimpleNamespace(read=account.labels)),
        wake_sync=lambda: None,
    )
    paths = [SYNC, f"{SYNC}/all-stages/date?date_str=2026-02-28", f"{SYNC}/cancel/{'a' * 32}"]
    for path in paths:
        assert client.post(path).status_code == 401
        assert client.post(path, headers={"Authorization": "Bearer api"}).status_code == 403
        assert client.post(path, headers={"Authorization": "Bearer admin"}).status_code in {200, 202}
    assert client.get(f"{SYNC}/jobs").status_code == 401
    assert client.get(f"{SYNC}/jobs", headers={"Authorization": "Bearer api"}).status_code == 200
