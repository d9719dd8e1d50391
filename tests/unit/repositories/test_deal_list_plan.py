"""The ways in which pages are read, by the numbers of deals."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from dealcache.model.deal_filter import DealFilter, Order, PropertyFilter, Range, StagePlace
from dealcache.repositories.lists.indexes import EARLIEST_DATE, PROPERTY_INDEX
from dealcache.repositories.lists.plan import Asked, Plan, Way, begins_elsewhere, plan_of, total_conditions
from dealcache.repositories.lists.query import parts_of, steps_after

PRIORITY = PropertyFilter("hs_priority", ("low",))
OF_STAGE = DealFilter(properties=(PRIORITY,), stages=(StagePlace("offer"),))
CREATED = DealFilter(created=Range(datetime(2026, 1, 1, tzinfo=UTC), None))


def planned(wanted: DealFilter, sort: str, matching: int, deals: int = 100_000, *, far: bool = False) -> Plan:
    return plan_of(parts_of(wanted), Order(sort), 50, matching, deals, far=far)


def test_a_short_walk_in_the_order_is_preferred_to_an_index_that_finds_more_than_matches() -> None:
    plan = planned(OF_STAGE, "amount", 2_400)
    assert plan.way == Way("list_amount")
    assert plan.instead == Way(PROPERTY_INDEX + "hs_priority", by_keys=True)


def test_few_deals_of_several_conditions_are_sorted() -> None:
    plan = planned(OF_STAGE, "amount", 60)
    assert plan.way == Way(PROPERTY_INDEX + "hs_priority", by_keys=True)
    assert plan.instead == Way("list_amount")


def test_a_walk_may_take_twice_as_long_as_it_should() -> None:
    plan = planned(CREATED, "name", 30_000, 10_000_000)
    assert plan.way == Way("by_name")
    assert plan.milliseconds >= 2 * 51 * 10_000_000 / 30_000 * 0.002 - 1


def test_what_is_known_to_be_far_away_is_sorted_at_once() -> None:
    assert planned(CREATED, "updated", 27_000).way == Way("by_update")
    assert planned(CREATED, "updated", 27_000, far=True) == Plan(Way("by_creation", by_keys=True))


def test_where_deals_begin_the_walk_starts_whatever_was_known() -> None:
    plan = plan_of(parts_of(CREATED), Order("updated"), 50, 27_000, 100_000, far=True, begins=True)
    assert plan == Plan(Way("by_update"), Way("by_creation", by_keys=True), 13)


@pytest.mark.parametrize(
    ("wanted", "order", "expected"),
    [
        (CREATED, Order("closes"), True),
        (CREATED, Order("updated", descending=False), True),
        (CREATED, Order("updated"), True),
        (CREATED, Order("created"), False),  # they begin at the range's end
        (CREATED, Order("amount"), False),  # of no days, so not correlated
        (CREATED, Order("last_activity"), False),  # not in the keys of the index
        (replace(CREATED, stages=(StagePlace("offer"),)), Order("closes"), False),  # added up by stage
        (DealFilter(stages=(StagePlace("offer"),)), Order("closes"), False),
        (DealFilter(idle_since=datetime(2026, 1, 1, tzinfo=UTC)), Order("closes"), False),  # two ranges
    ],
)
def test_it_is_asked_where_deals_begin_in_the_order_of_other_days(
    wanted: DealFilter, order: Order, expected: bool
) -> None:
    assert begins_elsewhere(total_conditions(parts_of(wanted)), order) is expected


@pytest.mark.parametrize(("descending", "bound"), [(True, "$lte"), (False, "$gte")])
def test_the_first_deals_are_those_from_where_they_begin(descending: bool, bound: str) -> None:
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    first, *rest = steps_after(Order("closes", descending), None, begin)
    assert first.condition["close_date"][bound] == begin
    assert first.condition["close_date"]["$gte"] == (EARLIEST_DATE if descending else begin)
    assert rest == steps_after(Order("closes", descending), None)[1:]


IN_STAGE = {"stage_id": {"$in": ["offer"]}}


def test_sums_by_an_index_of_an_order_are_those_of_each_stage() -> None:
    (asked,) = total_conditions(parts_of(OF_STAGE))
    low = {"properties.hs_priority": {"$in": ["low"]}}
    assert asked == Asked([low], PROPERTY_INDEX + "hs_priority", [IN_STAGE])


def test_an_owner_s_deals_are_found_by_stage() -> None:
    (asked,) = total_conditions(parts_of(replace(OF_STAGE, properties=(), owner_ids=("5",))))
    assert asked == Asked([{"owner_id": {"$in": ["5"]}}, IN_STAGE], "list_owner", [])


def test_of_deals_that_are_read_only_those_of_the_stage_are_read() -> None:
    both = replace(OF_STAGE, properties=(PRIORITY, PropertyFilter("seats", (5.0,))))
    (asked,) = total_conditions(parts_of(both))
    assert IN_STAGE in asked.conditions
