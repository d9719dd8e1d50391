"""The state of the database for operators: its contents, jobs and webhook events, by one quick query."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pymongo
from bson.codec_options import CodecOptions, DatetimeConversion
from pymongo.database import Database

from dealcache.model.jobs import Job, JobStatus
from dealcache.repositories.connection import Connection, Repository, StoreError
from dealcache.repositories.documents import LIVE, Document, any_date, milliseconds
from dealcache.repositories.record_documents import read_all
from dealcache.repositories.running_count import RunningCount
from dealcache.repositories.sync.job_leases import QUEUED, RUNNING, read_job
from dealcache.repositories.sync.state import ACCOUNT, SyncState, to_state
from dealcache.repositories.sync.webhook_documents import received_at_of
from dealcache.repositories.sync.webhook_events import PENDING, SET_ASIDE, Backlog

log = logging.getLogger(__name__)

#: A date out of range in one document must not hide the state of all others.
_READ_ANYTHING: CodecOptions[Document] = CodecOptions(
    tz_aware=True, datetime_conversion=DatetimeConversion.DATETIME_CLAMP, unicode_decode_error_handler="replace"
)

#: Seconds for the quick queries, and for one that reads a whole collection.
_SECONDS, _SCAN_SECONDS = 1.0, 10.0

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class JobOverview:
    """The running job, the number of queued ones, the last completed and the last failed one."""

    running: Job | None
    queued: int
    last_completed: Job | None
    last_failed: Job | None


@dataclass(frozen=True, slots=True)
class Overview:
    """The state of the database.

    ``received`` counts the webhook events of the last hour; ``deals`` those that are not archived, ``activities`` all
    events, both None until they were counted; ``timelines_missing`` the deals of which no activities were ever read.
    ``oldest_read_at`` is the earliest time at which a deal's activities were read; it is only known while there is no
    watermark of the syncs.
    """

    state: SyncState
    jobs: JobOverview
    backlog: Backlog
    received: int
    deals: int | None
    activities: int | None
    timelines_missing: int
    oldest_read_at: datetime | None


class _Scan:
    """A query that reads a whole collection, and is therefore made the more rarely the longer it takes."""

    def __init__(
        self, is_due: Callable[[], bool], ask: Callable[[Database[Document]], None], timer: Callable[[], float]
    ) -> None:
        self.is_due = is_due
        self._ask = ask
        self._timer = timer
        self._seconds = float("inf")
        self._ended_at: float | None = None

    def may_begin(self, share: float, most_seconds: float) -> bool:
        """Return True if the query takes at most ``share`` of the time since its last answer, and ``most_seconds``."""
        if self._seconds > most_seconds:
            return False
        return self._ended_at is None or (self._timer() - self._ended_at) * share >= self._seconds

    def run(self, connection: Connection) -> None:
        began = self._timer()
        with connection.operation() as database, pymongo.timeout(_SCAN_SECONDS):
            self._ask(database)
        self._ended_at = self._timer()
        self._seconds = self._ended_at - began


class OverviewRepository(Repository):
    """Reads the overview. Used by one thread.

    Args:
        timer: the monotonic clock, in seconds.
    """

    def __init__(self, connection: Connection, timer: Callable[[], float] = time.monotonic) -> None:
        super().__init__(connection)
        self._process: Any = None
        self._now = milliseconds(datetime.now(UTC))
        self._deals, self._activities = RunningCount("deal_info", timer), RunningCount("deal_timeline", timer)
        self._wants_oldest = False
        self._oldest_read_at: datetime | None = None
        self._scans = [self._count(self._deals, timer), self._count(self._activities, timer)]
        self._scans.append(_Scan(lambda: self._wants_oldest, self._find_oldest, timer))

    def _count(self, count: RunningCount, timer: Callable[[], float]) -> _Scan:
        return _Scan(lambda: count.is_due(self._process), lambda database: count.count(database, self._process), timer)

    def read(self, now: datetime) -> Overview:
        """Return the present state; call :meth:`scan` before."""
        self._now = milliseconds(now)
        with self._connection.operation() as database, pymongo.timeout(_SECONDS):
            # One query for all: separate ones would take eight times as much processor time.
            asked = database.sync_state.with_options(codec_options=_READ_ANYTHING)
            answers = {one["question"]: one for one in asked.aggregate(_questions(self._now))}
            deals = self._deals.read(database, self._process)
            activities = self._activities.read(database, self._process)

        def count(question: str) -> int:
            return int(answers.get(question, {}).get("count", 0))

        state = read_all("sync_state", to_state, [answers.get("state", {})])[0]
        # A date in the future was written by a wrong clock.
        self._wants_oldest = state.watermark is None or state.watermark > now
        oldest = answers.get("oldest pending")
        return Overview(
            state,
            JobOverview(
                _job(answers.get("running")),
                count("queued"),
                _job(answers.get("completed")),
                _job(answers.get("failed")),
            ),
            Backlog(count("pending"), None if oldest is None else received_at_of(oldest), count("set aside")),
            count("received"),
            None if deals is None else max(0, deals - count("archived")),
            activities,
            count("timelines missing"),
            self._oldest_read_at if self._wants_oldest else None,
        )

    def scan(self, share: float, most_seconds: float = float("inf")) -> bool:
        """Renew the parts that :meth:`read` cannot query quickly; return True if any was due.

        Args:
            share: the part of the time that each query may take.
            most_seconds: only queries that took no longer the last time.
        """
        with self._connection.operation() as database, pymongo.timeout(_SECONDS):
            self._process = database.command("hello").get("topologyVersion", {}).get("processId")
        scans = [scan for scan in self._scans if scan.is_due() and scan.may_begin(share, most_seconds)]
        for scan in scans:
            scan.run(self._connection)
        return bool(scans)

    def _find_oldest(self, database: Database[Document]) -> None:
        read = LIVE | {"timeline_synced_at": {"$lte": self._now}}
        stages: list[Document] = [
            {"$match": read},
            {"$group": {"_id": None, "at": {"$min": "$timeline_synced_at"}}},
        ]
        found = database.deal_info.aggregate(stages).to_list()
        self._oldest_read_at = any_date(found[0]["at"]) if found else None


def _questions(now: datetime) -> list[Document]:
    """Return the stages of a query of ``sync_state``; each document of the result names its ``question``."""

    def last(status: JobStatus) -> list[Document]:
        return [{"$match": {"status": str(status)}}, {"$sort": {"finished_at": -1}}, {"$limit": 1}]

    oldest_first = {"$sort": {"received_at": 1, "_id": 1}}
    return [
        {"$match": ACCOUNT},
        {"$set": {"question": "state"}},
        _ask("running", "sync_jobs", [{"$match": {"status": RUNNING}}]),
        _ask("queued", "sync_jobs", _count({"status": QUEUED})),
        _ask("completed", "sync_jobs", last(JobStatus.COMPLETED)),
        _ask("failed", "sync_jobs", last(JobStatus.FAILED)),
        _ask("pending", "webhook_events", _count(PENDING)),
        _ask("oldest pending", "webhook_events", [{"$match": PENDING}, oldest_first, {"$limit": 1}]),
        _ask("set aside", "webhook_events", _count(SET_ASIDE)),
        _ask("received", "webhook_events", _count({"received_at": {"$gte": now - _HOUR}})),
        _ask("archived", "deal_info", _count({"archived": True})),
        _ask("timelines missing", "deal_info", _count({"timeline_synced_at": None} | LIVE)),
    ]


def _ask(question: str, collection: str, stages: list[Document]) -> Document:
    return {"$unionWith": {"coll": collection, "pipeline": [*stages, {"$set": {"question": question}}]}}


def _count(condition: Document) -> list[Document]:
    return [{"$match": condition}, {"$count": "count"}]


def _job(document: Document | None) -> Job | None:
    try:
        return None if document is None else read_job(document)
    except StoreError as error:
        log.debug("a job cannot be shown: %s", error)
        return None
