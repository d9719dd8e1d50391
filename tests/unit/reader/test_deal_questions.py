"""Cursors, and what labels, names and days mean."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dealcache.model.deal_filter import DealFilter, Order, Place, Range, StagePlace, is_open
from dealcache.model.deal_question import DealQuestion
from dealcache.model.labels import Labels, Owner
from dealcache.model.pipelines import Pipeline, Stage
from dealcache.model.timestamps import EARLIEST, LATEST
from dealcache.reader import cursors
from dealcache.reader.deal_cursor import decode_cursor, encode_cursor
from dealcache.reader.deal_resolution import days, resolve
from dealcache.reader.question_errors import InvalidCursorError, UnknownLabelError

NOW = datetime(2026, 11, 23, 12, 0, 0, 500, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")

NAME, AMOUNT, CREATED = Order("name", False), Order("amount", True), Order("created", True)
PLACES = [
    (NAME, Place(0, "müller \0", "17")),
    (AMOUNT, Place(0, -0.1, "17")),
    (AMOUNT, Place(0, 2**62, "17")),
    (AMOUNT, Place(0, "0.1000", "17")),
    (CREATED, Place(0, -62135596800000, "17")),
    (CREATED, Place(1, None, "17")),
    (NAME, Place(2, None, "17")),
]
WRONG: list[tuple[Order, Any]] = [
    (NAME, [0, 1, "17"]),
    (NAME, [0, None, "17"]),
    (NAME, [1, "a", "17"]),
    (NAME, [3, None, "17"]),
    (NAME, [True, None, "17"]),
    (NAME, [1, None, 17]),
    (NAME, [1, None]),
    (NAME, {"phase": 1}),
    (NAME, [1, None, {"$gt": ""}]),
    (NAME, [0, {"$gt": ""}, "17"]),
    (AMOUNT, [0, True, "17"]),
    (AMOUNT, [0, "NaN", "17"]),
    (AMOUNT, [0, "1" * 70, "17"]),
    (AMOUNT, [0, "x", "17"]),
    (CREATED, [0, 1.5, "17"]),
    (CREATED, [0, "2026", "17"]),
    (CREATED, [0, 2**63, "17"]),
]


@pytest.mark.parametrize(("order", "place"), PLACES)
def test_a_cursor_names_its_place(order: Order, place: Place) -> None:
    cursor = encode_cursor(place, order, "question")
    assert decode_cursor(cursor, order, "question") == place
    for other, question in ((order, "another"), (order._replace(descending=not order.descending), "question")):
        with pytest.raises(InvalidCursorError):
            decode_cursor(cursor, other, question)
    for cut in range(len(cursor)):
        with pytest.raises(InvalidCursorError):
            decode_cursor(cursor[:cut], order, "question")


@pytest.mark.parametrize(("order", "values"), WRONG)
def test_a_forged_cursor_is_none(order: Order, values: Any) -> None:
    forged = cursors.encode_cursor([*order, "question"], values)
    with pytest.raises(InvalidCursorError):
        decode_cursor(forged, order, "question")


def stage(stage_id: str, label: str, probability: float = 0.5) -> Stage:
    return Stage(stage_id, label, 0, probability, probability in (0.0, 1.0))


LABELS = Labels(
    (Owner("1", "Ann Lee"), Owner("2", "ann lee"), Owner("3", None), Owner("4", "Bob", archived=True)),
    (
        Pipeline("p1", "Sales", 0, (stage("new", "New"), stage("end", "Won", 1.0), stage("both", "Both"))),
        Pipeline("p2", "Renewals", 1, (stage("fresh", "new"), stage("end", "Done"), stage("both", "Both"))),
    ),
)


def resolved(bears: tuple[str, ...] = (), **question: Any) -> DealFilter:
    return resolve(DealQuestion(**question), LABELS, lambda field, value: f"{field}={value}" in bears, BERLIN, NOW)


def test_a_label_of_several_stages_means_all_of_them() -> None:
    assert resolved(stages=("NEW ",)).stages == (StagePlace("new"), StagePlace("fresh"))
    assert resolved(stages=("new", "Both")).stages == (StagePlace("new"), StagePlace("fresh"), StagePlace("both"))


def test_a_stage_id_that_pipelines_share_is_told_apart_by_them() -> None:
    assert resolved(stages=("won",)).stages == (StagePlace("end", not_in=frozenset({"p2"})),)
    assert resolved(stages=("done",)).stages == (StagePlace("end", only_in=frozenset({"p2"})),)
    assert resolved(stages=("end",)).stages == (StagePlace("end"),)
    closed = resolved(is_open=False)
    assert (closed.stages, closed.closed) == (None, (StagePlace("end", not_in=frozenset({"p2"})),))
    assert not is_open(LABELS, "p1", "end")
    assert not is_open(LABELS, "unknown", "end")
    assert is_open(LABELS, "p2", "end")
    assert is_open(LABELS, None, None)


def test_owners_and_pipelines_by_name_or_id() -> None:
    assert resolved(owners=("ANN LEE",)).owner_ids == ("1", "2")
    assert resolved(owners=("3", "bob")).owner_ids == ("3", "4")
    nobody = resolved(owners=("Unknown owner", "3"))
    assert (nobody.owner_ids, nobody.known_owner_ids) == (("3",), ("1", "2", "4"))
    assert resolved(pipelines=("sales", "p2", "SALES")).pipeline_ids == ("p1", "p2")


def test_an_id_without_a_label_is_known_where_a_deal_has_it() -> None:
    borne = ("stage_id=x", "owner_id=77", "pipeline_id=y")
    found = resolved(borne, stages=("x", "done"), owners=("77",), pipelines=("y",))
    assert found.stages == (StagePlace("end", only_in=frozenset({"p2"})), StagePlace("x"))
    assert (found.owner_ids, found.pipeline_ids) == (("77",), ("y",))


@pytest.mark.parametrize(
    ("question", "parameter", "known"),
    [
        ({"stages": ("won", "zero")}, "stage", "New"),
        ({"pipelines": ("zero",)}, "pipeline", "Renewals"),
        ({"owners": ("ann", "bob")}, "owner", "Ann Lee"),
    ],
)
def test_what_is_unknown_is_told_with_some_that_exist(question: Any, parameter: str, known: str) -> None:
    with pytest.raises(UnknownLabelError, match=known) as refusal:
        resolved(**question)
    assert refusal.value.parameter == parameter


def test_what_is_told_has_bounds() -> None:
    many = replace(LABELS, known_owners=tuple(Owner(str(one), f"{one} {'x' * 500}") for one in range(500)))
    with pytest.raises(UnknownLabelError) as refusal:
        resolve(DealQuestion(owners=("y" * 500,)), many, lambda *_: False, UTC, NOW)
    assert len(str(refusal.value)) < 1_000
    with pytest.raises(UnknownLabelError, match="None is known"):
        resolve(DealQuestion(owners=("y",)), Labels(), lambda *_: False, UTC, NOW)


def test_days_are_those_of_the_zone() -> None:
    before, day = timedelta(milliseconds=1), date(2026, 10, 25)  # of 25 hours in Berlin
    assert days(day, day, BERLIN) == Range(
        datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2026, 10, 25, 23, tzinfo=UTC) - before
    )
    assert days(None, day, UTC) == Range(None, datetime(2026, 10, 26, tzinfo=UTC) - before)
    assert not days(None, None, UTC)
    for hours in (-23, 0, 23):
        zone = timezone(timedelta(hours=hours))
        assert days(date.min, date.max, zone) == Range(EARLIEST, LATEST)
        assert days(date.max, date.min, zone)


def test_idleness_is_counted_from_now() -> None:
    assert resolved(idle_days=2).idle_since == datetime(2026, 11, 21, 12, tzinfo=UTC)
    assert resolved(idle_days=0).idle_since == NOW.replace(microsecond=0)
