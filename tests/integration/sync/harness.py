"""An account to sync: a simulated HubSpot, the service's own parts, and the truth to compare with."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from dealcache.container import Container
from dealcache.model.deals import ENGAGEMENT_TYPES
from dealcache.model.jobs import Job, JobStatus, JobType, SyncRequest
from dealcache.sandbox.simulator import Dataset, activities_of, live_deals
from dealcache.sandbox.simulator.demo_account import demo_owners, demo_pipelines
from dealcache.sync.job_lease import LEASE
from tests.clocks import ManualClock
from tests.integration.service.harness import Service

#: Per deal: its engagements as (time in ms, id, type), in the order of the timeline.
Truth = dict[str, list[tuple[int, str, str]]]


#: When the records of :func:`some_deals` were made, long before any window of time that a test looks at.
LONG_AGO = 1_700_000_000.0


def some_deals(count: int, kinds: Sequence[str] = ENGAGEMENT_TYPES) -> Dataset:
    """Deals "Deal 1" and so on, all made long ago, each with one activity of each of ``kinds``."""
    data = Dataset(lambda: LONG_AGO)
    data.owners, data.pipelines = demo_owners(), demo_pipelines()
    for number in range(1, count + 1):
        deal_id = data.add_deal(f"Deal {number}", record_id=1000 + number, already_indexed=True)
        for kind in kinds:
            data.add_activity(kind, deals=[deal_id], already_indexed=True)
    return data


#: Deals that are loaded together where ``short_chunks`` is used.
CHUNK = 200


class RunningClock(ManualClock):
    """Goes on by itself, and can be ticked besides."""

    def __init__(self) -> None:
        super().__init__(0.0)

    def __call__(self) -> float:
        return time.time() + self.now


class Account:
    """One HubSpot account and the service that is to be true to it."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.hubspot = service.hubspot
        self.data = service.hubspot.data
        self.clock = service.clock
        self.sync: Container = service.app.extensions["dealcache"]
        self.storage = self.sync.storage

    def ask(self, kind: JobType = JobType.INCREMENTAL, **parameters: Any) -> str:
        """Queue a job; its id."""
        now = datetime.fromtimestamp(self.clock(), self.sync.settings.timeline_timezone)
        return self.storage.sync_jobs.add(SyncRequest(kind, **parameters), now)[0].job_id

    def run(self, kind: JobType = JobType.INCREMENTAL, **parameters: Any) -> Job:
        """Run a job to its end, which must be a good one."""
        job = self.run_whatever(kind, **parameters)
        assert job.status is JobStatus.COMPLETED, (job.status, job.error)
        return job

    def run_whatever(self, kind: JobType = JobType.INCREMENTAL, **parameters: Any) -> Job:
        """Run a job to its end, whatever that is."""
        job_id = self.ask(kind, **parameters)
        self.sync.runner.run_job(job_id)
        return self.job(job_id)

    def job(self, job_id: str) -> Job:
        found = self.storage.sync_jobs.get(job_id)
        assert found is not None
        return found

    def confirm(self, after: float = 61.0) -> Job:
        """Let time pass and run the confirming pass that is queued."""
        self.clock.tick(after)
        _, jobs = self.storage.sync_jobs.list(JobStatus.QUEUED, 10)
        confirming = [job for job in jobs if job.request.type is JobType.CONFIRM]
        assert confirming, "no confirming pass is queued"
        self.sync.runner.run_job(confirming[0].job_id)
        return self.job(confirming[0].job_id)

    def claim(self) -> Job | None:
        """Take up whatever job there is, as this account's runner would."""
        now = datetime.fromtimestamp(self.clock(), self.sync.settings.timeline_timezone)
        return self.storage.sync_jobs.claim(self.sync.membership.owner, now, LEASE)

    def settle(self) -> None:
        """Let a minute pass, and forget the calls so far and the confirming pass that is queued."""
        self.clock.tick(60)
        self.hubspot.calls.clear()
        self.service.database.sync_jobs.delete_many({"status": "queued"})

    def deal(self, number: int) -> str:
        """The id of one of the deals of :func:`some_deals`."""
        return str(1000 + number)

    def activities(self, deal_id: str, kind: str = "notes") -> list[str]:
        """The ids of a deal's activities of one type in HubSpot."""
        return [one.id for one in activities_of(self.data, deal_id) if one.type == kind]

    def event_ids(self, deal_id: str) -> list[str]:
        """The ids of a deal's events in order, as the contract makes them."""
        return event_ids_of(self.truth()[deal_id])

    def truth(self) -> Truth:
        """Return what HubSpot has."""
        found: Truth = {}
        for deal in live_deals(self.data):
            rows = []
            for activity in activities_of(self.data, deal.id):
                record = self.data.existing(activity.type, activity.id)
                moment = activity.timestamp or record.properties.get("hs_createdate") or record.created_at
                rows.append((_milliseconds(moment), activity.id, activity.type))
            found[str(deal.id)] = sorted(rows)
        return found

    def stored(self) -> Truth:
        """Return what MongoDB has."""
        database = self.service.database
        live = {one["deal_id"]: [] for one in database.deal_info.find({"archived": {"$ne": True}})}
        for event in database.deal_timeline.find({"deal_id": {"$in": list(live)}}):
            when = round(event["occurred_at"].timestamp() * 1000)
            live[event["deal_id"]].append((when, event["engagement_id"], event["engagement_type"]))
        return {deal_id: sorted(rows) for deal_id, rows in live.items()}

    def is_true(self) -> bool:
        """Return True if MongoDB is true to HubSpot: deals, their properties, and their events."""
        try:
            self.assert_true()
        except AssertionError:
            return False
        return True

    def assert_true(self) -> None:
        """That MongoDB is true to HubSpot: deals, their properties, and their events."""
        truth, stored = self.truth(), self.stored()
        assert set(stored) == set(truth)
        wrong = [deal_id for deal_id in truth if stored[deal_id] != truth[deal_id]]
        assert not wrong, [(one, set(stored[one]) ^ set(truth[one])) for one in wrong[:3]]
        for document in self.service.database.deal_info.find({"archived": {"$ne": True}}):
            properties = self.data.existing("deals", document["deal_id"]).properties
            assert document["deal_name"] == (properties.get("dealname") or "")
            assert document["stage_id"] == properties.get("dealstage")
        for event in self.service.database.deal_timeline.find({"deal_id": {"$in": list(truth)}}):
            record = self.data.existing(event["engagement_type"], event["engagement_id"])
            assert record.updated_at.startswith(event["hubspot_updated_at"].strftime("%Y-%m-%dT%H:%M:%S"))


MakeAccount = Callable[..., Account]


def event_ids_of(rows: list[tuple[int, str, str]]) -> list[str]:
    """The ids of the events of one deal of the truth in order, as the contract makes them."""
    ids = [(when, f"{one}_{datetime.fromtimestamp(when / 1000, UTC):%Y%m%d%H%M}") for when, one, _ in rows]
    return [event_id for _, event_id in sorted(ids)]


def _milliseconds(moment: str) -> int:
    return round(datetime.fromisoformat(moment).timestamp() * 1000)
