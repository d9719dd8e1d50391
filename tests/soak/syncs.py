"""Asking for syncs, and what a completed one promises."""

from __future__ import annotations

from datetime import datetime
from random import Random
from typing import Any

from tests.soak.calls import Call, with_query
from tests.soak.findings import Wrong
from tests.soak.stage import MONGODB_ONLY, Lines, Stage
from tests.soak.versions import Specimen

#: Seconds for a job to end: the lease of a killed process, and then some.
_JOB_SECONDS = 90.0
_LOOK_SECONDS = 0.15
#: Seconds after which asking is tried again when it failed.
_AGAIN_SECONDS = 0.5

Job = dict[str, Any]


class Syncs:
    """Asks for syncs and watches them.

    Args:
        stage: what all share.
        random: decides who is asked.
    """

    def __init__(self, stage: Stage, random: Random) -> None:
        self._stage = stage
        self._lines = Lines(stage, random)

    def run(self, deal: Specimen | None = None) -> bool:
        """Sync what changed, or one deal, from after this moment on; whether it was completed in time.

        Who asks for a sync that runs already gets that one's id, and it may have passed by the change: then another
        one is needed.
        """
        stage = self._stage
        asked = stage.model.newest()
        deadline = stage.clock() + _JOB_SECONDS
        while not stage.stopped.is_set() and stage.clock() < deadline:
            job_id = self._ask(deal)
            job = self._ended(job_id, deadline) if job_id else None
            if job is None or job["status"] != "completed":
                stage.stopped.wait(_AGAIN_SECONDS)
                continue
            seen = stage.model.made_before(_epoch(job["started_at"]))
            self._promise(seen, deal)
            if all(seen[one] >= asked[one] for one in ([deal.deal_id] if deal else asked)):
                return True
        if not stage.stopped.is_set():
            stage.findings.add(Wrong.ERROR, f"no sync was completed within {_JOB_SECONDS:g} s")
        return False

    def _promise(self, seen: Any, deal: Specimen | None) -> None:
        now = self._stage.clock()
        for one in [deal] if deal else self._stage.site.deals:
            self._stage.promise(one.deal_id, seen[one.deal_id], now, "sync")

    def _ask(self, deal: Specimen | None) -> str | None:
        query = {"deal": deal.deal_id} if deal else {}
        call = Call("sync", with_query(f"{MONGODB_ONLY}/sync", **query), "POST")
        answer = self._stage.inspector.accept(self._lines.one().ask(call), 202)
        body = self._stage.inspector.json_of(answer) if answer is not None else None
        return body["job_id"] if isinstance(body, dict) else None

    def _ended(self, job_id: str, deadline: float) -> Job | None:
        stage = self._stage
        begun_at = stage.clock()
        while not stage.stopped.is_set() and stage.clock() < deadline:
            call = Call("sync status", f"{MONGODB_ONLY}/sync/status/{job_id}")
            answer = stage.inspector.accept(self._lines.one().ask(call), 200)
            job: Job | None = stage.inspector.json_of(answer) if answer is not None else None
            if job is not None and job["finished_at"]:
                self._judge(job, begun_at)
                return job
            stage.stopped.wait(_LOOK_SECONDS)
        return None

    def _judge(self, job: Job, begun_at: float) -> None:
        """A job may fail when MongoDB is down, and HubSpot with it, or a type is refused, and not otherwise."""
        stage = self._stage
        stage.statistics.count(f"syncs {job['status']}")
        failing = stage.outages.excuse_failing_sync(begun_at, stage.clock())
        if job["status"] != "completed" and not failing:
            stage.findings.add(Wrong.ERROR, f"a sync ended as {job['status']}: {job['error']} {job['message']}")


def _epoch(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
