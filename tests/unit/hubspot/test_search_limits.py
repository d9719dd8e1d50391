"""That no search exceeds HubSpot's limits, whoever makes it; the simulator's own checks are the judge."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealcache.hubspot.client import HubSpotClient
from dealcache.hubspot.errors import Rejected
from dealcache.hubspot.mapper import RecordMapper
from dealcache.hubspot.name_search import NameSearch, plan_searches, plan_single_searches
from dealcache.hubspot.search_limits import any_of, excess, fits
from dealcache.hubspot.transport import Request
from dealcache.model.deals import ENGAGEMENT_TYPES
from dealcache.sandbox.simulator.object_types import object_type_of
from dealcache.sandbox.simulator.search_query import parse_search
from dealcache.sync.search_filters import Window, beyond, in_stages, modified_in, on_or_modified_in
from tests.unit.hubspot.conftest import calls_of

TYPES = ("deals", *ENGAGEMENT_TYPES)
NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=512).filter(str.strip)
MOMENTS = st.datetimes(datetime(1970, 1, 2), datetime(9999, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC))
WINDOWS = st.builds(lambda start: Window(start, start + timedelta(days=1)), MOMENTS)
LAST_IDS = st.none() | st.integers(0, 10**19).map(str)
STAGE_IDS = st.lists(st.uuids().map(str) | st.integers(0, 10**12).map(str) | st.text('ab ä漢"\\', max_size=60))


class Recorder:
    """A session that keeps what was to be sent, and answers that nothing was found."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def call(self, request: Request, *_: object) -> dict[str, object]:
        self.sent.append(orjson.dumps(request.json))
        return {"total": 0, "results": []}


def sent_for(object_type, groups, properties=None) -> None:
    """Search, and have the simulator check what was sent."""
    recorder = Recorder()
    client = HubSpotClient(calls_of(recorder, lambda: 0.0), RecordMapper())
    client.search_page(object_type, groups, properties=properties)
    (body,) = recorder.sent
    parse_search(body, object_type_of(object_type), 3_000)


@given(STAGE_IDS, st.none() | WINDOWS, LAST_IDS)
def test_searches_for_deals_in_stages(stage_ids, window, last_id):
    searches = in_stages(stage_ids, () if window is None else window.of("hs_lastmodifieddate"))
    for groups in searches:
        sent_for("deals", beyond(groups, last_id))
        sent_for("deals", beyond(groups, last_id), ("hs_object_id",))
    asked = [one for ((first, *_),) in searches for one in (first.get("values") or [first["value"]])]
    assert sorted(asked) == sorted(set(stage_ids))


@given(st.sampled_from(TYPES), WINDOWS, LAST_IDS)
def test_searches_for_what_changed(object_type, window, last_id):
    sent_for(object_type, beyond(modified_in(window), last_id))
    if object_type != "deals":
        sent_for(object_type, beyond(on_or_modified_in(window), last_id))


@given(st.lists(NAMES, min_size=1, max_size=30, unique=True), st.integers(0, 9_800))
def test_searches_for_names(names, after):
    for search in (*plan_searches(names), *plan_single_searches(names)):
        assert fits(search.body())
        body = orjson.dumps({**search.body(), "after": str(after)})
        parse_search(body, object_type_of("deals"), 3_000)


@pytest.mark.parametrize("length", [1, 3, 30])
def test_a_thousand_short_names_keep_to_a_hundred_values(length):
    names = [f"{number:0{length}}"[-length:] for number in range(1000)]
    searches = plan_searches(dict.fromkeys(names))
    assert max(len(search.listed) for search in searches) <= 100
    assert sorted(name for search in searches for name in search.names) == sorted(set(names))
    assert all(fits(search.body()) for search in searches)


def condition(values=None):
    return {"propertyName": "x", "operator": "IN", "values": values or ["a", "b"]}


@pytest.mark.parametrize(
    ("groups", "problem"),
    [
        ([[condition()] * 6] * 3, None),
        ([[condition()] * 4] * 5, "20 filters, 18 at most"),
        ([[condition()]] * 6, "6 groups of filters, 5 at most"),
        ([[condition()] * 7], "7 filters in a group, 6 at most"),
        ([[condition(["a"] * 100)]], None),
        ([[condition(), condition(["a"] * 101)]], "101 values, 100 at most"),
        ([[condition(["漢" * 3_000])]], "3083 characters, 3000 at most"),
        ([], None),
    ],
)
def test_what_exceeds_the_limits(groups, problem):
    assert excess({"filterGroups": [{"filters": filters} for filters in groups]}) == problem


def test_too_large_a_search_costs_no_call_and_says_what_is_too_much():
    recorder = Recorder()
    client = HubSpotClient(calls_of(recorder, lambda: 0.0), RecordMapper())
    with pytest.raises(Rejected, match="20 filters, 18 at most"):
        client.search_page("deals", [[condition()] * 4] * 5)
    with pytest.raises(Rejected, match="characters"):
        client.find_deals(NameSearch(single=("x" * 3_000,)))
    assert recorder.sent == []


def test_a_value_that_fits_nowhere_is_alone():
    assert [one.get("values", one.get("value")) for one in any_of("x", ["a", "b" * 2_000, "c", "d"])] == [
        "a",
        "b" * 2_000,
        ["c", "d"],
    ]
