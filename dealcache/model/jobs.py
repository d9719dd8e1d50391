"""Sync jobs, and the events of webhooks. Plain values."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from dealcache.model.deals import bare_name
from dealcache.model.people import PEOPLE_TYPES


class JobType(StrEnum):
    """The deals that a job brings up to date."""

    INCREMENTAL = "incremental"  # those changed since the last sync, or all if there was none
    SCHEDULED = "scheduled"  # the same at regular times, and what no search finds with the calls that are left
    CONFIRM = "confirm"  # the same some time after an incremental sync: HubSpot's search shows some changes late
    FULL = "full"  # all
    SINCE = "since"  # those changed in the last days
    STAGE = "stage"  # those of a stage
    DEAL = "deal"  # one
    STAGE_DATES = "stage_dates"  # those of a stage with an activity on, or a change of, some days
    DEAL_DATE = "deal_date"  # one, because of a day
    ALL_STAGES_DATE = "all_stages_date"  # those of all stages with an activity on, or a change of, some days


#: Jobs that start automatically.
BY_THEMSELVES = (JobType.SCHEDULED, JobType.CONFIRM)


class JobStatus(StrEnum):
    """The state of a job."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class CancelReason(StrEnum):
    """Why work ends early."""

    CANCELLED = "cancelled"
    SHUTDOWN = "shutdown"
    UNFIT = "unfit"
    """This process must not run it; another one may."""
    NO_CALLS = "no calls"
    """The job is automatic, and HubSpot's calls of the day are nearly used up: it continues when there are new ones."""
    LOST = "lost"
    """The lease ran out and another process has the job: nothing more may be written about it."""


#: The most days that a sync reaches back.
MOST_EPOCH_DAYS = 3650

#: The states in which a job has ended.
FINAL = (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED)


@dataclass(frozen=True, slots=True)
class SyncRequest:
    """The scope of a sync.

    ``stage`` is a label in any case or an id; ``deal`` an id (digits) or a name; the days, both included, are days of
    ``TIMELINE_TIMEZONE``; ``epoch_days`` reaches that many days back from now.
    """

    type: JobType
    stage: str | None = None
    deal: str | None = None
    first_day: date | None = None
    last_day: date | None = None
    epoch_days: int | None = None

    @classmethod
    def for_options(
        cls, *, everything: bool = False, deal: str | None = None, stage: str | None = None, days: int | None = None
    ) -> SyncRequest:
        """Return the request for some options; without any, for the changes since the last sync.

        Args:
            everything: all that HubSpot has; goes with nothing else.
            deal: one deal, by name or id; goes with nothing else.
            stage: the deals of a stage.
            days: changes of the last so many days, of ``stage`` if one is given.
        """
        if everything:
            return cls(JobType.FULL)
        if deal is not None:
            return cls(JobType.DEAL, deal=bare_name(deal))
        if stage is not None:
            return cls(JobType.STAGE, stage=stage, epoch_days=days)
        return cls(JobType.INCREMENTAL) if days is None else cls(JobType.SINCE, epoch_days=days)

    @property
    def identity(self) -> str:
        """A value that only equal requests share."""
        return json.dumps(self.parameters(), sort_keys=True)

    def parameters(self) -> dict[str, Any]:
        """Return the request as JSON values, without parameters that were not given."""
        values = {name: value for name, value in asdict(self).items() if value is not None}
        return {name: value.isoformat() if isinstance(value, date) else value for name, value in values.items()}

    @classmethod
    def from_parameters(cls, parameters: dict[str, Any]) -> SyncRequest:
        """Return the request that :meth:`parameters` was made from."""
        values = dict(parameters)
        for name in ("first_day", "last_day"):
            if name in values:
                values[name] = date.fromisoformat(values[name])
        return cls(**{**values, "type": JobType(values["type"])})


@dataclass(slots=True)
class Progress:
    """The progress of a job.

    ``deals_written`` and ``activities_written`` count what was stored, whether or not it was known before;
    ``deals_changed`` the deals with a change that clients can see; ``calls`` counts each try; ``waited_seconds`` is the
    time that calls waited for HubSpot's limits, added up over all threads; ``percent`` and ``seconds_left`` are None
    where unknown. ``warnings`` say in short sentences what the job had to do without.
    """

    phase: str = "waiting"
    deals_read: int = 0
    deals_written: int = 0
    activities_read: int = 0
    activities_written: int = 0
    deals_changed: int = 0
    calls: int = 0
    waited_seconds: float = 0.0
    percent: float | None = None
    seconds_left: float | None = None
    warnings: tuple[str, ...] = ()

    @property
    def deals_done(self) -> int:
        """The deals that were read or stored: a job may store them long before all their activities are read."""
        return max(self.deals_read, self.deals_written)


@dataclass(frozen=True, slots=True)
class Job:
    """A job as MongoDB holds it.

    ``due_at`` is when it may begin; ``since`` the time from which changes are searched, None if not applicable;
    ``attempts`` how often it was started; ``checkpoint`` what it needs to resume; ``owner`` and ``lease_expires_at``
    the process that runs it, and until when no other may.
    """

    job_id: str
    request: SyncRequest
    status: JobStatus
    created_at: datetime
    due_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    since: datetime | None = None
    message: str = ""
    error: str | None = None
    cancel_requested: bool = False
    attempts: int = 0
    progress: Progress = field(default_factory=Progress)
    checkpoint: dict[str, Any] = field(default_factory=dict)
    owner: str | None = None
    lease_expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """One event of a webhook delivery, reduced to the records to read.

    ``key`` is equal for deliveries of the same event, and only for them. ``kind`` is what happened, in HubSpot's word
    (``creation``, ``propertyChange``, ``deletion`` …); ``object_type`` HubSpot's plural name of the type of the record
    ``object_id``. ``other_type`` and ``other_id`` are the other end of an association; ``new_id`` and ``merged_ids``
    the records of a merge. ``occurred_at`` is an aware UTC datetime.
    """

    key: str
    kind: str
    object_type: str
    object_id: str
    occurred_at: datetime
    other_type: str | None = None
    other_id: str | None = None
    new_id: str | None = None
    merged_ids: tuple[str, ...] = ()

    @property
    def records(self) -> frozenset[tuple[str, str]]:
        """The records to read, by type and id. An association that changed is read from its deal."""
        ends = {(self.object_type, self.object_id)}
        if self.other_type is not None and self.other_id is not None:
            ends.add((self.other_type, self.other_id))
        if self.object_type in PEOPLE_TYPES.values():
            return frozenset(ends | {(self.object_type, one) for one in (self.new_id, *self.merged_ids) if one})
        deals = {end for end in ends if end[0] == "deals"}
        merged = {("deals", one) for one in (self.new_id, *self.merged_ids) if one}
        return frozenset(deals | merged if deals else ends)

    @property
    def record(self) -> str:
        """The same as one text, which events about the same records share."""
        return ",".join(sorted(f"{kind}:{one}" for kind, one in self.records))
