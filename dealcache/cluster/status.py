"""The state of the whole service: of this worker, of the others by their reports, and of their common dependencies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from dealcache.cluster.membership import Membership
from dealcache.cluster.reports import CallOutcome, DailyCalls, WorkerReport, decode
from dealcache.cluster.status_monitor import WAIT_SECONDS, HubSpotProbe, Snapshot, StatusMonitor
from dealcache.model.freshness import data_as_of
from dealcache.model.workers import Worker, exists
from dealcache.repositories import Overview

#: Seconds after which HubSpot's state must be renewed, and after which it is unknown. The report of another worker may
#: be six seconds older than it seems, from its sign of life to our snapshot and since then: 15 s in all.
_PROBE_AFTER_SECONDS, _UNKNOWN_AFTER_SECONDS = 6.0, 9.0

#: Seconds after the last snapshot for which reports of others count.
_SAID_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class Status:
    """The state of the service.

    ``workers`` are the live ones, None while they are unknown; ``reports`` are those of all workers, ``of_server``
    those of this one's server. ``hubspot`` is None while it is unknown whether HubSpot answers, ``daily`` while the
    day's calls are unknown; ``calls`` has the calls left of each of HubSpot's limits, and the limit.
    """

    snapshot: Snapshot
    workers: list[Worker] | None
    reports: list[WorkerReport]
    of_server: list[WorkerReport]
    hubspot: bool | None
    daily: DailyCalls | None
    calls: Mapping[str, tuple[int, int]]


def as_of(overview: Overview | None, now: datetime) -> datetime | None:
    """Return up to when HubSpot's changes are known: the watermark of the syncs, or the oldest reading of a deal."""
    if overview is None:
        return None
    watermark = data_as_of(None, overview.state.watermark, now, complete=True)
    return watermark or data_as_of(overview.oldest_read_at, None, now, complete=True)


class ServiceStatus:
    """Composes the status, without waiting for anything that does not answer.

    Args:
        membership: knows the live workers and their reports.
        own: returns the report of this worker.
        monitor: makes snapshots of MongoDB and Redis.
        probe: knows whether HubSpot answers.
        has_shares: True if each worker has a share of its own of HubSpot's limits.
    """

    def __init__(
        self,
        membership: Membership,
        own: Callable[[], WorkerReport],
        monitor: StatusMonitor,
        probe: HubSpotProbe,
        *,
        has_shares: bool,
    ) -> None:
        self._membership = membership
        self._own = own
        self._monitor = monitor
        self._probe = probe
        self._has_shares = has_shares

    def probe_hubspot(self) -> None:
        """Request a probe of HubSpot, unless this or another worker knows its state."""
        outcome = self._newest_outcome(self._reports_of_others())
        if outcome is None or outcome.age > _PROBE_AFTER_SECONDS:
            self._probe.thread.wake()

    def daily_calls(self) -> DailyCalls | None:
        """Return the day's calls as HubSpot last stated them to any worker; None while they are unknown."""
        return _newest_daily([self._own(), *self._reports_of_others().values()])

    def read(self) -> Status:
        """Return the present state, within some milliseconds."""
        asked_at = self._monitor.request()
        self.probe_hubspot()
        snapshot = self._monitor.newest(asked_at, WAIT_SECONDS)
        others = self._reports_of_others() if snapshot.overview is not None else {}
        own, me, outcome = self._own(), self._membership.worker, self._newest_outcome(others)
        reports = [own, *others.values()]
        return Status(
            snapshot=snapshot,
            workers=self._live() if snapshot.overview is not None else None,
            reports=reports,
            of_server=[own, *(report for worker, report in others.items() if worker.is_of_server(me))],
            hubspot=outcome.served if outcome is not None and outcome.age <= _UNKNOWN_AFTER_SECONDS else None,
            daily=_newest_daily(reports),
            calls=self._calls(snapshot, others.values() if self._has_shares else ()),
        )

    def _live(self) -> list[Worker]:
        """Return the live workers, without those whose processes are visible from here and gone."""
        me = self._membership.worker
        return [
            one for one in self._membership.live if one.has_cache and not (one.is_beside(me) and not exists(one.pid))
        ]

    def _reports_of_others(self) -> dict[Worker, WorkerReport]:
        """Return the reports of the other live workers; none if they are too old."""
        if self._membership.age > _SAID_SECONDS:
            return {}
        owner = self._membership.owner
        said = {one: decode(one.report) for one in self._live() if one.owner != owner}
        return {worker: report for worker, report in said.items() if report is not None}

    def _newest_outcome(self, others: Mapping[Worker, WorkerReport]) -> CallOutcome | None:
        outcomes = [self._probe.last_outcome(), *(one.hubspot for one in others.values())]
        return min((one for one in outcomes if one is not None), key=lambda one: one.age, default=None)

    def _calls(self, snapshot: Snapshot, others: Iterable[WorkerReport]) -> dict[str, tuple[int, int]]:
        """Return the calls left of each limit, and the limit; each of ``others`` has a share of its own."""
        shares = Counter[str]()
        for one in others:
            shares.update(one.calls_left)
        return {bucket: (min(left + shares[bucket], limit), limit) for bucket, (left, limit) in snapshot.calls.items()}


def _newest_daily(reports: Iterable[WorkerReport]) -> DailyCalls | None:
    known = (one.daily for one in reports if one.daily is not None)
    return min(known, key=lambda one: one.age, default=None)
