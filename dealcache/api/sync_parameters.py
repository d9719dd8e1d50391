"""The parameters of the sync calls, and the sync request that they make."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import marshmallow as ma

from dealcache.api import parameters, query
from dealcache.model.deals import bare_name
from dealcache.model.jobs import MOST_EPOCH_DAYS, JobStatus, JobType, SyncRequest

#: The longest range of days, both ends included.
MOST_DAYS = 366

#: Years whose days can be converted to times of any time zone, and in which HubSpot can have data.
_FIRST_YEAR, _LAST_YEAR = 1970, 2999


class SyncDay(parameters.Day):
    """A day of a sync."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if not _FIRST_YEAR <= date.fromisoformat(text).year <= _LAST_YEAR:
            raise ma.ValidationError(f"Must lie in the years {_FIRST_YEAR} to {_LAST_YEAR}.")
        return text


def _stage_name(text: str) -> str:
    if not text.strip() or len(text) > 512:
        raise ValueError("Must have 1 to 512 characters, not all of them white space.")
    return text


def _stage() -> ma.fields.String:
    return ma.fields.String(
        validate=parameters.rule(_stage_name),
        metadata={
            "description": "A stage's label in any case, or its id.",
            "pattern": r"\S",
            "maxLength": 512,
            "example": "Closed Won",
        },
    )


def _deal() -> ma.fields.String:
    return ma.fields.String(
        validate=parameters.rule(query.deal_name),
        metadata={
            "description": "A deal's name, or its id (digits).",
            **parameters.NAME_RULES,
            "example": "Acme renewal",
        },
    )


def _day(description: str) -> SyncDay:
    return SyncDay(description, example="2026-11-01")


class _Parameters(ma.Schema):
    """Base class: unknown parameters are refused, and required ones may be given in either place."""

    NEEDED: tuple[str, ...] = ()

    class Meta:
        unknown = ma.RAISE

    @ma.validates_schema
    def all_there(self, data: dict[str, Any], **_kwargs: Any) -> None:
        """Refuse a call without a required parameter; the schema of one place cannot say that the other will do."""
        missing = {name: ["Give this parameter."] for name in self.NEEDED if name not in data}
        if missing:
            raise ma.ValidationError(dict(missing))


class SyncParameters(_Parameters):
    """The deals to sync; without any parameter, everything that changed since the last sync."""

    full = parameters.boolean("Everything that HubSpot has.")
    epoch_days = parameters.Count(1, MOST_EPOCH_DAYS, "What changed in the last so many days.")
    stage = _stage()
    deal = _deal()

    @ma.validates_schema
    def one_thing(self, data: dict[str, Any], **_kwargs: Any) -> None:
        """Refuse to narrow down everything or one deal; a stage may be, by days."""
        given = [name for name in ("full", "epoch_days", "stage", "deal") if data.get(name)]
        if len(given) > 1 and {"full", "deal"} & set(given):
            names = {name: " and ".join(other for other in given if other != name) for name in given}
            raise ma.ValidationError({name: [f"Does not go with {others}."] for name, others in names.items()})

    @ma.post_load
    def make(self, data: dict[str, Any], **_kwargs: Any) -> SyncRequest:
        """Return the request that these parameters stand for."""
        return SyncRequest.for_options(
            everything=bool(data.get("full")),
            deal=data.get("deal"),
            stage=data.get("stage"),
            days=data.get("epoch_days"),
        )


class _DaysParameters(_Parameters):
    """Base class of syncs by one day or several."""

    TYPE: JobType

    @ma.post_load
    def make(self, data: dict[str, Any], **_kwargs: Any) -> SyncRequest:
        """Return the request that these parameters stand for."""
        days = [date.fromisoformat(data[name]) for name in ("date_str", "start_date", "end_date") if name in data]
        deal = bare_name(data["deal"]) if "deal" in data else None
        return SyncRequest(self.TYPE, deal=deal, stage=data.get("stage"), first_day=days[0], last_day=days[-1])


class StageDateParameters(_DaysParameters):
    """A stage and a day."""

    TYPE = JobType.STAGE_DATES
    NEEDED = ("stage", "date_str")
    stage = _stage()
    date_str = _day("The day, in the timeline's zone.")


class RangeParameters(_DaysParameters):
    """Some days."""

    TYPE = JobType.ALL_STAGES_DATE
    NEEDED: tuple[str, ...] = ("start_date", "end_date")
    start_date = _day("The first day, in the timeline's zone.")
    end_date = _day("The last day, included.")

    @ma.validates_schema
    def in_order(self, data: dict[str, Any], **_kwargs: Any) -> None:
        """Refuse a range that ends before it begins, or is longer than a year."""
        if not {"start_date", "end_date"} <= data.keys():
            return
        first, last = (date.fromisoformat(data[name]) for name in ("start_date", "end_date"))
        if last < first:
            raise ma.ValidationError("Must not lie before start_date.", "end_date")
        if last - first >= timedelta(days=MOST_DAYS):
            raise ma.ValidationError(f"The range may have {MOST_DAYS} days at most.", "end_date")


class StageRangeParameters(RangeParameters):
    """A stage and some days."""

    TYPE = JobType.STAGE_DATES
    NEEDED = ("stage", "start_date", "end_date")
    stage = _stage()


class DealDateParameters(_DaysParameters):
    """A deal and a day."""

    TYPE = JobType.DEAL_DATE
    NEEDED = ("deal", "date_str")
    deal = _deal()
    date_str = _day("The day, in the timeline's zone.")


class DateParameters(_DaysParameters):
    """A day."""

    TYPE = JobType.ALL_STAGES_DATE
    NEEDED = ("date_str",)
    date_str = _day("The day, in the timeline's zone.")


class JobsQuery(ma.Schema):
    """Filters the list of jobs."""

    status = ma.fields.Enum(JobStatus, by_value=True, load_default=None, metadata={"description": "Only those."})
    limit = parameters.Count(1, 1000, "How many jobs to list at most.", load_default=100)
