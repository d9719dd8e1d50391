"""The wanted deals of a list, in terms of ids and times, and their order. Plain values."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from dealcache.model.labels import Labels
from dealcache.model.pipelines import Stage, StageKey


class StagePlace(NamedTuple):
    """The pipelines in which a stage id means a wanted stage; two pipelines may use one stage id.

    ``only_in`` are the pipelines in which it does, None for any; ``not_in`` those in which it does not.
    """

    stage_id: str
    only_in: frozenset[str] | None = None
    not_in: frozenset[str] = frozenset()


class Range(NamedTuple):
    """Numbers or times from ``least`` to ``most``, both included; None for an open end."""

    least: float | datetime | None = None
    most: float | datetime | None = None

    def __bool__(self) -> bool:
        return self.least is not None or self.most is not None


#: A range without ends.
ANY = Range()

#: The kinds of values by which deals are sorted.
ValueKind = Literal["text", "number", "date", "bool"]


class PropertySort(NamedTuple):
    """An order by a property of the account; ``kind`` is that of its values as they are stored."""

    name: str
    kind: ValueKind


class PropertyFilter(NamedTuple):
    """The wanted values of a property of the account: any of ``values``, or one in any of ``ranges``.

    The ranges must not overlap.
    """

    name: str
    values: tuple[str | float | bool | datetime, ...] = ()
    ranges: tuple[Range, ...] = ()


@dataclass(frozen=True, slots=True)
class DealFilter:
    """A filter of deals: those for which every given condition holds.

    Args:
        words: each begins a word of the name; in the form of :func:`.words.words_of`.
        stages: their stages; None for all.
        is_open: False for deals in a stage of ``closed``, True for the others, None for both.
        closed: the stages whose deals are won or lost; empty where ``is_open`` is None.
        pipeline_ids: their pipelines; None for all.
        owner_ids: their owners; None for all.
        known_owner_ids: the owners with a name, if deals of no or another owner are wanted too; else None.
        amount: their amounts.
        created: when they were created.
        closes: when they close.
        idle_since: they have no activities then or later, except planned ones; None for any.
        properties: the values of properties of the account.
        has_next_activity: True for deals with a planned activity, False for the others, None for both.
    """

    words: tuple[str, ...] = ()
    stages: tuple[StagePlace, ...] | None = None
    is_open: bool | None = None
    closed: tuple[StagePlace, ...] = ()
    pipeline_ids: tuple[str, ...] | None = None
    owner_ids: tuple[str, ...] | None = None
    known_owner_ids: tuple[str, ...] | None = None
    amount: Range = ANY
    created: Range = ANY
    closes: Range = ANY
    idle_since: datetime | None = None
    properties: tuple[PropertyFilter, ...] = ()
    has_next_activity: bool | None = None


def is_of_stages(wanted: DealFilter) -> bool:
    """Return True if only stages and pipelines decide whether deals match."""
    stages = ("stages", "is_open", "closed", "pipeline_ids")
    return wanted == DealFilter(**{name: getattr(wanted, name) for name in stages})


def is_in(wanted: DealFilter, pipeline_id: str | None, stage_id: str | None) -> bool:
    """Return True if deals of a stage and pipeline match, as far as these decide."""
    if wanted.stages is not None and not _is_place(wanted.stages, pipeline_id, stage_id):
        return False
    if wanted.is_open is not None and wanted.is_open is _is_place(wanted.closed, pipeline_id, stage_id):
        return False
    return wanted.pipeline_ids is None or pipeline_id in wanted.pipeline_ids


def _is_place(places: Collection[StagePlace], pipeline_id: str | None, stage_id: str | None) -> bool:
    return any(
        one.stage_id == stage_id
        and pipeline_id not in one.not_in
        and (one.only_in is None or pipeline_id in one.only_in)
        for one in places
    )


class Order(NamedTuple):
    """An order of deals: ``sort`` is one of :data:`SORTS`, or that of a property of the account.

    Ties go by ids, ascending in both directions.
    """

    sort: str | PropertySort = "created"
    descending: bool = True


#: The order of a list unless another is requested.
NEWEST_FIRST = Order()

#: The names of all orders.
SORTS = ("name", "amount", "created", "closes", "activities", "last_activity", "updated")


class Place(NamedTuple):
    """A deal's place in an order.

    Args:
        phase: 0 for deals with a value, 1 for those without one, 2 for those with something else in its place.
        value: for phase 0: a text, a number (one that is no float as text), milliseconds since 1970, or a bool.
        deal_id: the deal.
    """

    phase: int
    value: str | int | float | None
    deal_id: str


def stage_places(labels: Labels, stages: Collection[StageKey]) -> tuple[StagePlace, ...]:
    """Return the places of these stages; a deal in no known pipeline goes by the id of its stage alone."""
    holders: dict[str, set[str]] = {}
    for pipeline in labels.pipelines:
        for stage in pipeline.stages:
            holders.setdefault(stage.stage_id, set()).add(pipeline.pipeline_id)
    wanted: dict[str, set[str]] = {}
    for key in stages:
        wanted.setdefault(key.stage_id, set()).add(key.pipeline_id)
    places = []
    for stage_id, inside in wanted.items():
        others = frozenset(holders.get(stage_id, set()) - inside)
        if not others:
            places.append(StagePlace(stage_id))
        elif labels.stage_key(None, stage_id) in stages:
            places.append(StagePlace(stage_id, not_in=others))
        else:
            places.append(StagePlace(stage_id, only_in=frozenset(inside)))
    return tuple(places)


def is_closed(stage: Stage) -> bool:
    """Return True if deals in this stage are won or lost."""
    return stage.closed_won or stage.closed_lost


def closed_stages(labels: Labels) -> list[StageKey]:
    """Return the stages whose deals are won or lost."""
    return [
        StageKey(pipeline.pipeline_id, stage.stage_id)
        for pipeline in labels.pipelines
        for stage in pipeline.stages
        if is_closed(stage)
    ]


def is_open(labels: Labels, pipeline_id: str | None, stage_id: str | None) -> bool:
    """Return True if a deal is neither won nor lost; in a pipeline without its stage it goes by the stage alone."""
    stage = labels.stage(pipeline_id, stage_id) or labels.stage(None, stage_id)
    return stage is None or not is_closed(stage)
