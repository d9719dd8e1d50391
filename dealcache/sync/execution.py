"""What a job does: which kind of sync its request asks for, over which time, and what follows from its end."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from dealcache.jobs import Job, JobType, Progress, SyncRequest
from dealcache.repositories import SyncJobRepository, SyncStateRepository
from dealcache.sync.desk import Checkpoints, Desk, utc_now
from dealcache.sync.full import FullLoad
from dealcache.sync.incremental import WindowSync
from dealcache.sync.ledger import Ledger
from dealcache.sync.selected import SelectedDeals
from dealcache.sync.stop import StopSign
from dealcache.sync.unsearchable import CALLS_WHEN_ASKED, ArchivedRecords, RollingReread, allowance
from dealcache.sync.windows import Window

#: By how much a window reaches into the future: HubSpot's clock may be ahead of ours.
_CLOCKS_APART = timedelta(seconds=60)

#: The fewest calls worth a look at what no search finds; until there are so many, they are saved up.
_WORTHWHILE = 16

_BY_WINDOW = (JobType.INCREMENTAL, JobType.SCHEDULED, JobType.CONFIRM, JobType.SINCE)


@dataclass(frozen=True, slots=True)
class SyncPolicy:
    """How syncs behave.

    Args:
        zone: the zone of the days in requests.
        horizon: how long HubSpot's index may take to show a change: so far back every sync looks again.
        confirm_after: when the confirming pass follows; zero for none.
        interval: between two syncs by themselves; zero for none.
        reread_calls: calls a day for archived records and associations, in syncs by themselves.
    """

    zone: tzinfo
    horizon: timedelta
    confirm_after: timedelta
    interval: timedelta
    reread_calls: int


class Execution:
    """Does what jobs ask for.

    Args:
        open_desk: gives a job the parts that it works with, for as long as it runs.
        jobs: where further jobs are put.
        state: the watermark, and how far the endless walks are.
        stage_ids: the ids of the stages that a label or an id stands for.
        policy: how syncs behave.
        now: the wall clock, aware, in UTC.
    """

    def __init__(
        self,
        open_desk: Callable[[Ledger, StopSign], AbstractContextManager[Desk]],
        jobs: SyncJobRepository,
        state: SyncStateRepository,
        stage_ids: Callable[[str], list[str]],
        policy: SyncPolicy,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._open_desk = open_desk
        self._jobs = jobs
        self._state = state
        self._stage_ids = stage_ids
        self._policy = policy
        self._now = now

    def run(self, job: Job, checkpoints: Checkpoints, ledger: Ledger, stop: StopSign) -> str:
        """Do a job, from its checkpoint on, and say in a sentence what came of it.

        Raises:
            StoppedError: it was told to stop.
            HubSpotError: HubSpot failed for good; StoreError: MongoDB did.
            NoSuchDealError: nobody knows the deal that it is about.
        """
        with self._open_desk(ledger, stop) as desk:
            if job.request.type is JobType.FULL or self._is_first(job, checkpoints):
                self._run_full(job, desk, checkpoints)
            elif job.request.type in _BY_WINDOW:
                self._run_window(job, desk, checkpoints)
            else:
                return self._run_selected(job.request, desk)
        return _summary(ledger.progress())

    def _is_first(self, job: Job, checkpoints: Checkpoints) -> bool:
        """Whether a job that was to find what changed must load everything, because nothing ever was."""
        if job.request.type not in _BY_WINDOW or job.request.type is JobType.SINCE:
            return False
        noted = checkpoints.load()
        if "full" not in noted:
            noted["full"] = self._state.load().watermark is None
            checkpoints.save(noted)
        return bool(noted["full"])

    def _run_full(self, job: Job, desk: Desk, checkpoints: Checkpoints) -> None:
        began_at = job.started_at or self._now()
        FullLoad(desk, checkpoints, began_at).run()
        self._state.advance_watermark(began_at - self._policy.horizon)

    def _run_window(self, job: Job, desk: Desk, checkpoints: Checkpoints) -> None:
        window, fixed_at = self._window(job, checkpoints)
        WindowSync(desk, checkpoints, window).run()
        self._find_unsearchable(job.request.type, desk, fixed_at)
        watermark = self._state.load().watermark
        if watermark is not None and window.start <= watermark:
            self._state.advance_watermark(fixed_at - self._policy.horizon)
        self._have_confirmed(job.request.type)

    def _window(self, job: Job, checkpoints: Checkpoints) -> tuple[Window, datetime]:
        """The window, fixed when the job was begun, and when that was."""
        noted = checkpoints.load()
        if "start" not in noted:
            now = self._now()
            watermark = self._state.load().watermark
            days_back = timedelta(days=job.request.epoch_days or 0)
            start = now - days_back if job.request.type is JobType.SINCE or watermark is None else watermark
            noted |= {"start": start, "fixed_at": now}
            checkpoints.save(noted, since=start)
        return Window(noted["start"], noted["fixed_at"] + _CLOCKS_APART), noted["fixed_at"]

    def _find_unsearchable(self, kind: JobType, desk: Desk, fixed_at: datetime) -> None:
        archived, reread = ArchivedRecords(desk, self._state), RollingReread(desk)
        if kind is not JobType.SCHEDULED:
            archived.walk(CALLS_WHEN_ASKED, from_the_start=True)
            reread.run(CALLS_WHEN_ASKED, fixed_at)
            self._state.note_reread(fixed_at)
            return
        calls = allowance(self._policy.reread_calls, self._state.load().reread_at, fixed_at)
        if calls >= _WORTHWHILE:
            archived.walk(calls // 2, from_the_start=False)
            reread.run(calls - calls // 2, fixed_at)
            self._state.note_reread(fixed_at)

    def _have_confirmed(self, kind: JobType) -> None:
        """Look again later, unless the next sync by itself does."""
        policy = self._policy
        confirmed_anyway = timedelta() < policy.interval <= policy.horizon
        if policy.confirm_after and kind in (JobType.INCREMENTAL, JobType.SCHEDULED) and not confirmed_anyway:
            now = self._now()
            due_at = now + policy.confirm_after
            job, added = self._jobs.add(SyncRequest(JobType.CONFIRM), now, due_at)
            if not added:
                self._jobs.defer(job.job_id, due_at)

    def _run_selected(self, request: SyncRequest, desk: Desk) -> str:
        stage_ids = self._stage_ids(request.stage) if request.stage is not None else []
        found = SelectedDeals(desk, request, stage_ids, self._policy.zone).run()
        if request.deal is not None and not found:
            return "the deal is archived in HubSpot"
        return _summary(desk.ledger.progress())


def _summary(progress: Progress) -> str:
    return (
        f"{progress.deals_read:,} deals and {progress.activities_read:,} activities read, "
        f"{progress.deals_changed:,} deals changed"
    )
