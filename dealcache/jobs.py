"""Sync jobs: what is asked for, how far it is, how it ended. Plain values; nothing of the project is imported."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any


class JobType(StrEnum):
    """What a job does."""

    INCREMENTAL = "incremental"
    """What changed since the last sync, or everything when there was none."""

    SCHEDULED = "scheduled"
    """The same, because it is time for it: with the calls that are left for what no search finds."""

    CONFIRM = "confirm"
    """The same once more, some time after an incremental sync: HubSpot's search index shows some changes late."""

    FULL = "full"
    """Everything."""

    SINCE = "since"
    """What changed in the last days."""

    STAGE = "stage"
    """The deals of a stage."""

    DEAL = "deal"
    """One deal."""

    STAGE_DATES = "stage_dates"
    """The deals of a stage with an activity on, or a change of, some days."""

    DEAL_DATE = "deal_date"
    """One deal, because of a day."""

    ALL_STAGES_DATE = "all_stages_date"
    """The deals of all stages with an activity on, or a change of, a day."""


class JobStatus(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


#: What a job ends as.
FINAL = (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED)


@dataclass(frozen=True, slots=True)
class SyncRequest:
    """What to sync.

    ``stage`` is a label in any case or an id; ``deal`` an id (digits) or a name; the days, both included, are days of
    ``TIMELINE_TIMEZONE``; ``epoch_days`` reaches that many days back from now.
    """

    type: JobType
    stage: str | None = None
    deal: str | None = None
    first_day: date | None = None
    last_day: date | None = None
    epoch_days: int | None = None

    @property
    def identity(self) -> str:
        """Equal for requests that ask for the same thing, and only for them."""
        return json.dumps(self.parameters(), sort_keys=True)

    def parameters(self) -> dict[str, Any]:
        """The request as JSON values, without what was not given."""
        values = {name: value for name, value in asdict(self).items() if value is not None}
        return {name: value.isoformat() if isinstance(value, date) else value for name, value in values.items()}

    @classmethod
    def from_parameters(cls, parameters: dict[str, Any]) -> SyncRequest:
        """The request that :meth:`parameters` was made from."""
        values = dict(parameters)
        for name in ("first_day", "last_day"):
            if name in values:
                values[name] = date.fromisoformat(values[name])
        return cls(**{**values, "type": JobType(values["type"])})


@dataclass(slots=True)
class Progress:
    """How far a job is.

    ``deals_written`` and ``activities_written`` count what was stored, whether or not it was known before;
    ``deals_changed`` the deals of which something that clients see is different now; ``calls`` counts each try;
    ``waited_seconds`` is the time that calls waited for HubSpot's limits, added up over all threads; ``percent`` and
    ``seconds_left`` are None where nobody knows.
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


@dataclass(frozen=True, slots=True)
class Job:
    """A job as MongoDB holds it.

    ``due_at`` is when it may begin; ``since`` the moment from which on changes are looked for, None where that means
    nothing; ``attempts`` how often it was taken up; ``checkpoint`` what it needs to go on where it was; ``owner`` and
    ``lease_expires_at`` who runs it, and until when nobody else may.
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
