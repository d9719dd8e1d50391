"""The programs of a drill: mongod, a simulated HubSpot, and a service that comes and goes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.database import Database

from dealcache.clock import RemoteClock
from dealcache.model.unreadable import UnreadableRecords
from dealcache.repositories import ListsBehindError, StageTotal
from dealcache.repositories.storage import Storage
from dealcache.sandbox.embedded import Mongod
from tests.e2e.jobs import Job, ask_for_sync, completed, confirmed
from tests.e2e.programs import Gunicorn, HubSpot
from tests.e2e.truth import assert_true, differences, told_timelines, true_timelines
from tests.waiting import until

MakeSite = Callable[..., "Site"]

#: Seconds that a job may take, however often it is disturbed.
LONGEST = 110.0


class Site:
    """One deployment.

    Args:
        directory: where the programs write.
        mongod: not yet started; belongs to the site.
        hubspot: belongs to the site.
        environ: settings of the service.
    """

    def __init__(self, directory: Path, mongod: Mongod, hubspot: HubSpot, environ: Mapping[str, str]) -> None:
        self._directory = directory
        self.mongod = mongod
        self.hubspot = hubspot
        self._environ = {"MONGODB_DATABASE": "drill", "SYNC_CONFIRM_SECONDS": "2"} | dict(environ)
        self._services: list[Gunicorn] = []
        self.mongodb_uri = mongod.start()

    def start_service(self) -> Gunicorn:
        """Start the service, on a port of its own each time."""
        place = self._directory / f"service{len(self._services)}"
        self._services.append(Gunicorn(place, self.hubspot.url, self.mongodb_uri, **self._environ))
        return self._services[-1]

    def close(self) -> None:
        """End all programs."""
        for service in self._services:
            service.stop()
        self.hubspot.stop()
        self.mongod.stop()

    @contextmanager
    def database(self) -> Iterator[Database[dict[str, Any]]]:
        """MongoDB, seen past the service."""
        with MongoClient[dict[str, Any]](self.mongodb_uri, tz_aware=True) as client:
            yield client["drill"]

    def stored_job(self, job_id: str) -> dict[str, Any]:
        """A job as it stands in MongoDB."""
        with self.database() as database:
            job = database.sync_jobs.find_one({"_id": job_id})
        assert job is not None
        return job

    def end_lease(self, job_id: str) -> None:
        """Let the lease of a job end now, as it would by itself after a while: its owner was killed."""
        with self.database() as database:
            change = {"$set": {"lease_expires_at": datetime.now(UTC)}}
            assert database.sync_jobs.update_one({"_id": job_id, "status": "running"}, change).matched_count == 1

    def sync(self, service: Gunicorn, **parameters: str) -> Job:
        """Sync, undisturbed, also with the confirming pass."""
        job = completed(service, ask_for_sync(service, **parameters), LONGEST)
        confirmed(service, LONGEST)
        return job

    def assert_lists_true(self) -> int:
        """That lists show of deals and of their activities what counting gives; nothing may write meanwhile.

        Returns:
            How many deals were left half-written and were counted first, as readers of lists have it done.
        """
        with self.database() as database:
            stale = database.deal_info.count_documents({"list_stale": {"$exists": True}})
        storage = Storage(self.mongodb_uri, "drill", 2, UnreadableRecords(), RemoteClock())

        def prepared() -> bool:
            try:
                storage.prepare_lists()
            except ListsBehindError:
                return False
            return True

        try:
            until(prepared)
            wrong = [one for page in storage.summary_check.pages(mend=False) for one in page.wrong]
            told = _rounded(storage.stage_totals.at(storage.summaries.state().version))
            added_up = _rounded(storage.stage_totals.add_up())
        finally:
            storage.close()
        assert wrong == []
        assert told == added_up
        return stale

    def assert_behind(self, service: Gunicorn) -> None:
        """That there is something for a sync to do."""
        assert differences(true_timelines(self.hubspot), told_timelines(service))

    def assert_true(self, service: Gunicorn) -> None:
        """That the service tells the truth about all deals, after the last confirming pass."""
        confirmed(service, LONGEST)
        assert_true(service, self.hubspot, self.mongodb_uri)


def _rounded(totals: Iterable[StageTotal]) -> set[tuple[str | None, str | None, int, float]]:
    """Return totals without what floating-point numbers add."""
    return {(one.pipeline_id, one.stage_id, one.count, round(one.amount, 2)) for one in totals}
