"""The parameters of the sync calls, and the sync request that they make.

They come in the query string, in a JSON object in the body, or in both, and are read strictly: a parameter that is
misspelt or ignored would request a different sync.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import marshmallow as ma
from flask import Request
from flask_smorest import Blueprint

from dealcache.api import parameters, query
from dealcache.api.strict_blueprint import StrictParser
from dealcache.model.deals import bare_name
from dealcache.model.jobs import MOST_EPOCH_DAYS, JobType, SyncRequest

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


_STAGE = ma.fields.String(
    validate=parameters.rule(_stage_name),
    metadata={
        "description": "A stage's label in any case, or its id.",
        "pattern": r"\S",
        "maxLength": 512,
        "example": "Closed Won",
    },
)
_DEAL = ma.fields.String(
    validate=parameters.rule(query.deal_name),
    metadata={
        "description": "A deal's name, or its id (digits).",
        **parameters.NAME_RULES,
        "example": "Acme renewal",
    },
)
#: The names of days.
_DAYS = ("date_str", "start_date", "end_date")

_DAY = SyncDay("The day, in the timeline's zone.", example="2026-11-01")


class SyncParameters(ma.Schema):
    """The deals to sync; without any parameter, everything that changed since the last sync."""

    class Meta:
        unknown = ma.RAISE

    full = parameters.boolean("Everything that HubSpot has.")
    epoch_days = parameters.Count(1, MOST_EPOCH_DAYS, "What changed in the last so many days.")
    stage = _STAGE
    deal = _DEAL

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


class _DaysParameters(ma.Schema):
    """Base class of syncs by one day or several; all parameters are needed, in either place."""

    TYPE: JobType

    class Meta:
        unknown = ma.RAISE

    @ma.validates_schema
    def all_there(self, data: dict[str, Any], **_kwargs: Any) -> None:
        """Refuse a call without a parameter; the schema of one place cannot say that the other will do."""
        # The deals first, then the days.
        missing = [name for name in sorted(self.fields, key=_DAYS.__contains__) if name not in data]
        if missing:
            raise ma.ValidationError({name: ["Give this parameter."] for name in missing})

    @ma.post_load
    def make(self, data: dict[str, Any], **_kwargs: Any) -> SyncRequest:
        """Return the request that these parameters stand for."""
        days = [date.fromisoformat(data[name]) for name in _DAYS if name in data]
        deal = bare_name(data["deal"]) if "deal" in data else None
        return SyncRequest(self.TYPE, deal=deal, stage=data.get("stage"), first_day=days[0], last_day=days[-1])


class StageDateParameters(_DaysParameters):
    """A stage and a day."""

    TYPE = JobType.STAGE_DATES
    stage = _STAGE
    date_str = _DAY


class RangeParameters(_DaysParameters):
    """Some days."""

    TYPE = JobType.ALL_STAGES_DATE
    start_date = SyncDay("The first day, in the timeline's zone.", example="2026-11-01")
    end_date = SyncDay("The last day, included.", example="2026-11-01")

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
    stage = _STAGE


class DealDateParameters(_DaysParameters):
    """A deal and a day."""

    TYPE = JobType.DEAL_DATE
    deal = _DEAL
    date_str = _DAY


class DateParameters(_DaysParameters):
    """A day."""

    TYPE = JobType.ALL_STAGES_DATE
    date_str = _DAY


class SyncParser(StrictParser):
    """Reads the query string and the body as one set of parameters."""

    def load_querystring(self, req: Request, schema: ma.Schema) -> Any:
        """Return the parameters of both places, as texts; one given in both must have the same value."""
        given: dict[str, str] = super().load_querystring(req, schema)
        texts = {name: _text(schema.fields.get(name), value) for name, value in self.load_json(req, schema).items()}
        if wrong := {name: [_wrong_type(schema.fields[name])] for name, text in texts.items() if text is None}:
            raise ma.ValidationError(dict(wrong))
        body = {name: text for name, text in texts.items() if text is not None}
        differing = [name for name in given.keys() & body.keys() if not _same(schema, name, given[name], body[name])]
        if differing:
            raise ma.ValidationError({name: ["Differs between query and body."] for name in sorted(differing)})
        return given | body


class SyncBlueprint(Blueprint):
    """A blueprint whose parameters may be given in both places."""

    ARGUMENTS_PARSER = SyncParser()


def _text(field: ma.fields.Field[Any] | None, value: Any) -> str | None:
    """Return a JSON value as a query string has it; None if its type is not that of ``field``."""
    match field, value:
        case None, _:
            return ""  # an unknown parameter, whose name is refused later
        case ma.fields.Boolean(), bool():
            return "true" if value else "false"
        # JSON has one kind of number, in which 7.0 is a whole one.
        case ma.fields.Integer(), int() | float() if not isinstance(value, bool) and value == int(value):
            return str(int(value))
        case ma.fields.String(), str():
            return value
    return None


def _wrong_type(field: ma.fields.Field[Any]) -> str:
    kinds = {parameters.Count: "a whole number", ma.fields.Boolean: "true or false"}
    return f"Must be {kinds.get(type(field), 'a text')}."


def _same(schema: ma.Schema, name: str, one: str, other: str) -> bool:
    """Return True if two texts mean the same value of a parameter."""
    field = schema.fields.get(name)
    if one == other or field is None:
        return True
    try:
        return bool(field.deserialize(one) == field.deserialize(other))
    except ma.ValidationError:
        return False
