"""Resolves the labels, names and days of a question for a list of deals to ids and times."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, time, timedelta, tzinfo

from dealcache.model.deal_filter import DealFilter, Range, StagePlace, closed_stages, stage_places
from dealcache.model.deal_question import DealQuestion
from dealcache.model.deals import bare_name, name_key
from dealcache.model.labels import UNKNOWN_OWNER, Labels
from dealcache.model.timestamps import EARLIEST, LATEST, in_utc
from dealcache.reader.property_resolution import resolve_properties
from dealcache.reader.question_errors import UnknownLabelError

#: Returns True if a deal has this value in this field.
Bears = Callable[[str, str], bool]


def resolve(
    question: DealQuestion, labels: Labels, bears: Bears, zone: tzinfo, now: datetime, properties: Sequence[str] = ()
) -> DealFilter:
    """Return the filter that a question means.

    Args:
        question: as the client asks.
        labels: the present ones.
        bears: tells whether any deal has an id without a known label.
        zone: the zone of the days.
        now: the present.
        properties: the own properties that are configured.

    Raises:
        QuestionError: there is no such stage, pipeline, owner, property or option, or a value of a property is none.
    """
    owner_ids, known_owner_ids = _owners(question.owners, labels, bears)
    # As of the full minute, for which totals can be remembered.
    minute = now.replace(second=0, microsecond=0)
    idle = None if question.idle_days is None else minute - timedelta(days=question.idle_days)
    return DealFilter(
        words=question.words,
        stages=_stages(question.stages, labels, bears),
        is_open=question.is_open,
        closed=() if question.is_open is None else stage_places(labels, closed_stages(labels)),
        pipeline_ids=_pipelines(question.pipelines, labels, bears),
        owner_ids=owner_ids,
        known_owner_ids=known_owner_ids,
        amount=Range(question.min_amount, question.max_amount),
        created=days(question.created_since, question.created_until, zone),
        closes=days(question.closes_since, question.closes_until, zone),
        idle_since=idle,
        has_next_activity=question.has_next_activity,
        properties=resolve_properties(question.properties, labels, properties, bears, lambda day: days(day, day, zone)),
    )


def days(first: date | None, last: date | None, zone: tzinfo) -> Range:
    """Return the times, in milliseconds, of the days from ``first`` to ``last``, within the calendar."""
    least = None if first is None else _begin(first, zone)
    return Range(least, None if last is None else _end(last, zone))


def _begin(day: date, zone: tzinfo) -> datetime:
    return EARLIEST if day == date.min else in_utc(datetime.combine(day, time(), zone))


def _end(day: date, zone: tzinfo) -> datetime:
    return LATEST if day == date.max else _begin(day + timedelta(days=1), zone) - timedelta(milliseconds=1)


def _stages(wanted: Sequence[str], labels: Labels, bears: Bears) -> tuple[StagePlace, ...] | None:
    if not wanted:
        return None
    keys = []
    borne: dict[str, StagePlace] = {}
    for one in wanted:
        found = labels.stages_named(one)
        keys += found
        if not found:
            stage_id = _borne("stage", one, bears, (stage.label for _, stage in labels.stages_in_use()))
            borne[stage_id] = StagePlace(stage_id)
    return (*stage_places(labels, keys), *borne.values())


def _pipelines(wanted: Sequence[str], labels: Labels, bears: Bears) -> tuple[str, ...] | None:
    if not wanted:
        return None
    ids: list[str] = []
    for one in wanted:
        text, key = bare_name(one), name_key(one)
        found = [
            pipeline.pipeline_id
            for pipeline in labels.pipelines
            if pipeline.pipeline_id == text or name_key(pipeline.label) == key
        ]
        in_use = (pipeline.label for pipeline in labels.pipelines if not pipeline.archived)
        ids += found or [_borne("pipeline", one, bears, in_use)]
    return tuple(sorted(set(ids)))


def _owners(
    wanted: Sequence[str], labels: Labels, bears: Bears
) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None]:
    """Return the ids of the wanted owners, and those of all owners with a name if unnamed ones are wanted too."""
    if not wanted:
        return None, None
    ids: list[str] = []
    others = False
    for one in wanted:
        text, key = bare_name(one), name_key(one)
        found = [
            owner.owner_id
            for owner in labels.known_owners
            if owner.owner_id == text or (owner.name and name_key(owner.name) == key)
        ]
        ids += found
        if key == name_key(UNKNOWN_OWNER):
            others = True
        elif not found:
            in_use = (owner.name or owner.owner_id for owner in labels.known_owners if not owner.archived)
            ids.append(_borne("owner", one, bears, in_use))
    named = tuple(sorted(owner.owner_id for owner in labels.known_owners if owner.name)) if others else None
    return tuple(sorted(set(ids))), named


def _borne(parameter: str, wanted: str, bears: Bears, existing: Iterable[str]) -> str:
    """Return an id that has no known label, but that some deal has.

    Raises:
        UnknownLabelError: none has it.
    """
    value = bare_name(wanted)
    if not bears(f"{parameter}_id", value):
        raise UnknownLabelError(parameter, wanted, existing)
    return value
