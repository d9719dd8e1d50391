"""Executes a job: the kind of sync that it asks for, its window of time, and the steps at its end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo

from dealcache.model.deals import RECORD_TYPES
from dealcache.model.jobs import JobType, Progress, SyncRequest
from dealcache.repositories import SyncJobRepository, SyncStateRepository
from dealcache.sync.cancellation import CancellationToken
from dealcache.sync.changed_deals import backfill_missing_types
from dealcache.sync.context import SyncContext
from dealcache.sync.deal_reread import DealReread
from dealcache.sync.full import FullLoad
from dealcache.sync.incremental import WindowSync
from dealcache.sync.job_lease import JobLease
from dealcache.sync.job_progress import JobProgress
from dealcache.sync.people_rounds import PeopleRounds
from dealcache.sync.reconciliation import CALLS_WHEN_ASKED, ArchivedRecords, AssociationRefresh, allowance
from dealcache.sync.search_filters import Window
from dealcache.sync.selected import SelectedDeals

#: How far a window reaches into the future: HubSpot gives its time to the second, and has more than one clock.
_CLOCKS_APART = timedelta(seconds=60)

#: The fewest calls that a reconciliation is worth making with; until there are as many, they are saved up.
_WORTHWHILE = 16

#: How long the records of a full load that ended without some types need not be read again by the next one.
_SPARED_FOR = timedelta(days=1)

_BY_WINDOW = (JobType.INCREMENTAL, JobType.SCHEDULED, JobType.CONFIRM, JobType.SINCE)


@dataclass(frozen=True, slots=True)
class SyncPolicy:
    """The settings of syncs.

    Args:
        zone: the zone of the days in requests.
        horizon: how long HubSpot's index may take to show a change; every sync searches again from that far back.
        confirm_after: when the confirming pass follows; zero for none.
        interval: between two automatic syncs; zero for none.
        reread_calls: calls a day for archived records and associations, in automatic syncs.
    """

    zone: tzinfo
    horizon: timedelta
    confirm_after: timedelta
    interval: timedelta
    reread_calls: int


class JobExecutor:
    """Executes jobs.

    Args:
        open_context: opens the parts that a job works with, for as long as it runs.
        jobs: takes further jobs.
        state: the watermark, and the positions of the recurring walks.
        stage_ids: the ids of the stages that a label or an id stands for.
        read_labels: brings the labels of owners, stages and pipelines up to date as far as possible, and reports the
            rest to its argument; it must not raise.
        policy: how syncs behave.
        reread: reads all deals again when other properties are wanted.
        now: the wall clock, aware, in UTC; ``hubspot_now`` is HubSpot's.
    """

    def __init__(
        self,
        open_context: Callable[[JobProgress, CancellationToken], AbstractContextManager[SyncContext]],
        jobs: SyncJobRepository,
        state: SyncStateRepository,
        stage_ids: Callable[[str], list[str]],
        read_labels: Callable[[Callable[[str], None]], None],
        policy: SyncPolicy,
        reread: DealReread,
        now: Callable[[], datetime],
        hubspot_now: Callable[[], datetime],
    ) -> None:
        self._open_context = open_context
        self._jobs = jobs
        self._state = state
        self._stage_ids = stage_ids
        self._read_labels = read_labels
        self._policy = policy
        self._reread = reread
        self._now = now
        self._hubspot_now = hubspot_now

    def execute(self, lease: JobLease) -> str:
        """Execute a job from its checkpoint on, and return the outcome in a sentence.

        Raises:
            StoppedError: it was cancelled.
            HubSpotError: HubSpot failed for good; StoreError: MongoDB did.
            NoSuchDealError: neither HubSpot nor MongoDB knows the deal.
            TypesRefusedError: HubSpot refused some types of records; everything that does not need them is done.
        """
        request = lease.job.request
        # Before the labels are read: a stage that was renamed meanwhile is still the stage that was asked for.
        stage_ids = self._stage_ids(request.stage) if request.stage is not None else []
        with self._open_context(lease.progress, lease.token) as opened:
            state = self._state.load()
            context = replace(opened, unlisted=state.unlisted)
            if state.people.is_followed and context.people is None:
                self._state.stop_following_people()
            self._read_labels(lease.progress.warn)
            if request.type is JobType.FULL or self._is_first(lease):
                self._run_full(context, lease)
            elif request.type in _BY_WINDOW:
                self._run_window(context, lease)
            else:
                return self._run_selected(request, stage_ids, context)
            context.refused_types.check()
        return _summary(lease.progress.snapshot())

    def _is_first(self, lease: JobLease) -> bool:
        """Return True if a job for changes must load everything, because nothing has been loaded yet."""
        kind = lease.job.request.type
        if kind not in _BY_WINDOW or kind is JobType.SINCE:
            return False
        if "full" not in lease.checkpoint:
            lease.note({"full": not self._positions()})
        return bool(lease.checkpoint["full"])

    def _run_full(self, context: SyncContext, lease: JobLease) -> None:
        began_at = lease.job.started_at or self._now()
        noted = self._state.load().partly_loaded_at
        # Records that are not read again are as old as the load that stored them.
        since = noted if noted and began_at - _SPARED_FOR < noted < began_at else began_at
        digest = self._reread.begin_full(lease)
        # Who takes part in what is read at the end, in fewer calls than piece by piece.
        FullLoad(replace(context, people=None), lease, began_at, since).load()
        if context.people is not None:
            PeopleRounds(context.people, context.pool).name_all(lease, began_at, self._policy.horizon)
        self._reread.end_full(digest)
        earliest, latest = self._present()
        reached = since - (self._now() - earliest) - self._policy.horizon
        # Missing parts of single deals are recorded with these deals.
        self._state.advance_positions(RECORD_TYPES, reached, latest)
        if context.refused_types:
            self._state.note_partly_loaded(since)
        else:
            self._state.note_partly_loaded(None)
            self._state.note_completed(JobType.FULL, self._now())
            self._state.advance_watermark(reached, latest)

    def _present(self) -> tuple[datetime, datetime]:
        """Return the earlier and the later of HubSpot's time and ours.

        HubSpot dates what a search finds. Whichever clock is wrong, nothing may be left out.
        """
        clocks = self._now(), self._hubspot_now()
        return min(clocks), max(clocks)

    def _positions(self) -> dict[str, datetime]:
        """Return up to when the changes of each type are stored, as far as that is known.

        A moment in the future was recorded by a wrong clock, and counts as unknown.
        """
        latest, state = self._present()[1] + _CLOCKS_APART, self._state.load()
        noted = {kind: (state.watermark, state.positions.get(kind)) for kind in RECORD_TYPES}
        known = {kind: [one for one in both if one is not None and one <= latest] for kind, both in noted.items()}
        return {kind: max(moments) for kind, moments in known.items() if moments}

    def _run_window(self, context: SyncContext, lease: JobLease) -> None:
        kind = lease.job.request.type
        windows, fixed_at = self._windows(lease)
        done = WindowSync(context, lease, windows).sync()
        backfill_missing_types(context)
        people_calls = self._reconcile(kind, context, fixed_at)
        positions, reached, latest = self._positions(), fixed_at - self._policy.horizon, self._present()[1]
        # A window that begins later than the known position leaves something out.
        known = {kind for kind in done if kind in positions and windows[kind].start <= positions[kind]}
        self._state.advance_positions(known, reached, latest)
        if not context.refused_types and known == set(RECORD_TYPES):
            self._state.advance_watermark(reached, latest)
        # Last: the changes that this job is about must not wait for it.
        self._reread.run(context, lease)
        if context.people is not None:
            PeopleRounds(context.people, context.pool).run(people_calls, fixed_at, self._policy.horizon)
        self._have_confirmed(kind)

    def _windows(self, lease: JobLease) -> tuple[dict[str, Window], datetime]:
        """Return the window of each type, fixed when the job started, and when that was."""
        noted, request = lease.checkpoint, lease.job.request
        if "starts" not in noted:
            earliest, latest = self._present()
            back = earliest - timedelta(days=request.epoch_days or 0)
            positions = self._positions() if request.type is not JobType.SINCE else {}
            starts = {kind: positions.get(kind, back) for kind in RECORD_TYPES}
            if "start" in noted:  # written by the previous release
                starts = dict.fromkeys(RECORD_TYPES, noted["start"])
            noted = {"fixed_at": earliest, "end": latest + _CLOCKS_APART, **noted, "starts": starts}
            lease.note(noted, since=min(starts.values()))
        return {kind: Window(start, noted["end"]) for kind, start in noted["starts"].items()}, noted["fixed_at"]

    def _reconcile(self, kind: JobType, context: SyncContext, fixed_at: datetime) -> int:
        """Find what no search shows, as far as the allowed calls reach; return how many are left for people."""
        archived, a_day = ArchivedRecords(context, self._state), self._policy.reread_calls
        if kind is not JobType.SCHEDULED:
            archived.walk(CALLS_WHEN_ASKED, from_the_start=True)
            AssociationRefresh(context, archived.unlisted).run(CALLS_WHEN_ASKED, fixed_at)
            self._state.note_reread(fixed_at, self._present()[1])
            return CALLS_WHEN_ASKED
        calls = allowance(a_day, self._state.load().reread_at, fixed_at)
        if calls < _WORTHWHILE:
            return 0
        people_calls = 0 if context.people is None else calls // 4
        calls -= people_calls
        archived.walk(calls // 2, from_the_start=False)
        owed = AssociationRefresh(context, archived.unlisted).run(calls - calls // 2, fixed_at)
        # Calls made beyond the allowance are saved up first.
        self._state.note_reread(fixed_at + timedelta(days=owed / a_day), self._present()[1])
        return people_calls

    def _have_confirmed(self, kind: JobType) -> None:
        """Queue the confirming pass, unless the next automatic sync does its work."""
        policy = self._policy
        confirmed_anyway = timedelta() < policy.interval <= policy.horizon
        if policy.confirm_after and kind in (JobType.INCREMENTAL, JobType.SCHEDULED) and not confirmed_anyway:
            now = self._now()
            due_at = now + policy.confirm_after
            job, added = self._jobs.add(SyncRequest(JobType.CONFIRM), now, due_at)
            if not added:
                self._jobs.defer(job.job_id, due_at)

    def _run_selected(self, request: SyncRequest, stage_ids: Sequence[str], context: SyncContext) -> str:
        if context.people is not None and request.deal is not None:
            context.people.thorough = True
        found = SelectedDeals(context, request, stage_ids, self._policy.zone).sync()
        if context.people is not None:
            PeopleRounds(context.people, context.pool).read_new()
        context.refused_types.check()
        if request.deal is not None and not found:
            return "the deal is archived in HubSpot"
        return _summary(context.progress.snapshot())


def _summary(progress: Progress) -> str:
    return (
        f"{progress.deals_read:,} deals and {progress.activities_read:,} activities read, "
        f"{progress.deals_changed:,} deals changed"
    )
