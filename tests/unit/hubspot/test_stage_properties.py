"""The names of the stages' properties, and the times that are read from them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

import pytest

from dealcache.hubspot.activities import DEAL_PROPERTIES
from dealcache.hubspot.deal_properties import (
    ENTERED,
    ENTERED_CURRENT,
    EXITED,
    DealProperties,
    with_suffixes,
)
from dealcache.hubspot.errors import Forbidden
from dealcache.hubspot.mapper import RecordMapper
from dealcache.model.labels import Labels
from dealcache.model.pipelines import Pipeline, Stage
from dealcache.model.stage_history import StageTime
from dealcache.model.timestamps import LATEST
from tests.unit.hubspot.records import deal

ODD = "49b7ad85-a23e-426c-9b3b-d44607d1c3af"
ODD_SUFFIX = "49b7ad85_a23e_426c_9b3b_d44607d1c3af_2009251351"
T1, T2 = datetime(2026, 11, 1, 10, tzinfo=UTC), datetime(2026, 11, 4, 12, 30, tzinfo=UTC)


def pipeline(pipeline_id: str, *stage_ids: str, archived: bool = False, **suffixes: str) -> Pipeline:
    stages = tuple(
        Stage(stage_id, stage_id.title(), 0, 0.5, is_closed=False, property_suffix=suffixes.get(stage_id))
        for stage_id in stage_ids
    )
    return Pipeline(pipeline_id, pipeline_id, 0, stages, archived)


class Account:
    """Labels that a test replaces."""

    def __init__(self, *pipelines: Pipeline) -> None:
        self.labels = Labels(pipelines=pipelines)
        self.properties = DealProperties(labels=lambda: self.labels)
        self.mapper = RecordMapper(deal_properties=self.properties)

    def times(self, **properties: str) -> tuple[StageTime, ...] | None:
        return self.mapper.deals([deal(**properties)])[0].stage_times


def test_two_properties_for_each_stage_and_one_for_the_present_one():
    account = Account(pipeline("default", "won", "143"), pipeline("old", "won", "gone_1", archived=True))

    assert account.properties.further() == (
        *(f"{ENTERED}won", f"{EXITED}won", f"{ENTERED}143", f"{EXITED}143", f"{ENTERED}gone_1", f"{EXITED}gone_1"),
        ENTERED_CURRENT,
    )
    assert account.mapper.deal_properties.names() == (*DEAL_PROPERTIES, *account.properties.further())


def test_a_new_stage_is_read_once_it_is_known():
    account = Account(pipeline("default", "won"))
    before = account.properties.further()
    account.labels = Labels(pipelines=(pipeline("default", "won", "new"),))

    assert set(account.properties.further()) - set(before) == {f"{ENTERED}new", f"{EXITED}new"}
    assert account.times(**{f"{ENTERED}new": "2026-11-01T10:00:00Z"}) == (StageTime("new", T1),)


def test_while_no_stage_is_known_no_times_are_read():
    account = Account()

    assert account.properties.further() == ()
    assert account.times(**{ENTERED_CURRENT: "2026-11-01T10:00:00Z"}) is None


def suffixes(*stage_ids: str, listed: Collection[str], known: Labels | None = None) -> list[str | None]:
    names = [f"{ENTERED}{one}" for one in listed]
    (found,) = with_suffixes((pipeline("default", *stage_ids),), known or Labels(), lambda: ["amount", *names])
    return [stage.property_suffix for stage in found.stages]


@pytest.mark.parametrize(
    ("stage_id", "listed", "suffix"),
    [
        (ODD, ODD_SUFFIX, ODD_SUFFIX),
        ("Erst Gespräch", "erst_gespr_ch_77", "erst_gespr_ch_77"),
        ("a-b", "a_b", None),  # that of another stage, whose id is a_b
        ("a-b", "a_b_c_77", None),
        ("a-b", "a_b_", None),
    ],
)
def test_ids_that_hubspot_alters_are_found_among_the_listed_properties(stage_id, listed, suffix):
    assert suffixes("won", stage_id, listed=[listed, "won"]) == [None, suffix]


@pytest.mark.parametrize(
    ("stage_ids", "listed"), [(("a-b", "a b"), ("a_b_1", "a_b_2")), (("a-b",), ("a_b_1", "a_b_2"))]
)
def test_of_ids_that_are_altered_alike_none_is_guessed(stage_ids, listed):
    assert suffixes(*stage_ids, listed=listed) == [None] * len(stage_ids)


def test_the_properties_are_not_listed_for_ids_that_are_used_as_they_are():
    pipelines = (pipeline("default", "won", "143_2"), pipeline("empty"))

    assert with_suffixes(pipelines, Labels(), lambda: pytest.fail("HubSpot was asked")) is pipelines


def test_known_ends_stay_while_the_properties_cannot_be_listed():
    known = Labels(pipelines=(pipeline("default", ODD, **{ODD: ODD_SUFFIX}),))

    def refuse() -> list[str]:
        raise Forbidden("the scope is missing")

    (found,) = with_suffixes((pipeline("default", "won", ODD, "new one"),), known, refuse)

    assert [stage.property_suffix for stage in found.stages] == [None, ODD_SUFFIX, None]


def test_an_altered_id_is_read_once_the_end_of_its_names_is_known():
    account = Account(pipeline("default", ODD))
    entered = {f"{ENTERED}{ODD_SUFFIX}": "2026-11-01T10:00:00Z", "dealstage": "x", ENTERED_CURRENT: ""}
    assert account.properties.further() == (ENTERED_CURRENT,)
    assert account.times(**entered) == ()

    account.labels = Labels(pipelines=(pipeline("default", ODD, **{ODD: ODD_SUFFIX}),))

    assert account.properties.further() == (f"{ENTERED}{ODD_SUFFIX}", f"{EXITED}{ODD_SUFFIX}", ENTERED_CURRENT)
    assert account.times(**entered) == (StageTime(ODD, T1),)


def test_the_times_of_a_deal():
    account = Account(pipeline("default", "a", "b", "c"))

    assert account.times(
        **{
            f"{ENTERED}a": "2026-11-01T10:00:00.000Z",
            f"{EXITED}a": str(int(T2.timestamp() * 1000)),
            f"{ENTERED}b": "99999-01-01T00:00:00Z",
            f"{EXITED}c": "2026-11-04T12:30:00Z",
        }
    ) == (StageTime("a", T1, T2), StageTime("b", LATEST))


@pytest.mark.parametrize(("known", "expected"), [(True, T1), (False, T2)])
def test_the_present_stage_without_a_time_of_its_own_was_entered_when_the_deal_entered_its_present_stage(
    known, expected
):
    account = Account(pipeline("default", "a", "b"))
    own = {f"{ENTERED}b": "2026-11-01T10:00:00Z"} if known else {}

    times = account.times(dealstage="b", **{ENTERED_CURRENT: "2026-11-04T12:30:00Z"}, **own)

    assert times == (StageTime("b", expected),)


def test_a_new_stage_does_not_take_over_the_time_of_the_one_before():
    account = Account(pipeline("default", "a", "b"))
    of_a = "2026-11-01T10:00:00Z"

    assert account.times(dealstage="b", **{f"{ENTERED}a": of_a, ENTERED_CURRENT: of_a}) == (StageTime("a", T1),)


def test_what_is_no_time_is_reported_and_does_not_affect_the_rest():
    account = Account(pipeline("default", "a", "b"))
    unreadable: list[str] = []
    found = account.mapper.deals([deal(**{f"{ENTERED}a": "soon", f"{ENTERED}b": "2026-11-01T10:00:00Z"})])[0]

    account.properties.with_times(found, (f"{ENTERED}a",), unreadable)

    assert found.stage_times == (StageTime("b", T1),)
    assert unreadable == [f"{ENTERED}a"]
    assert found.deal_name == "Acme renewal"


def test_without_stage_history_deals_have_no_times():
    assert RecordMapper().deals([deal(**{f"{ENTERED}a": "2026-11-01T10:00:00Z"})])[0].stage_times is None


@pytest.mark.parametrize(("asked", "expected"), [({}, None), ({f"{ENTERED}a": None}, ())])
def test_a_deal_that_was_asked_for_before_the_stages_were_known_has_unknown_times(
    asked: dict[str, None], expected: tuple[StageTime, ...] | None
) -> None:
    account = Account(pipeline("default", "a", "b"))
    assert account.mapper.deals([deal(dealstage="b", **asked)])[0].stage_times == expected
