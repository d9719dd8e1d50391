"""Documents that somebody else has written, or written to: what can be read of them, and that nothing raises."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import bson
import orjson
import pytest
from bson import DatetimeMS, Decimal128, Int64, ObjectId
from bson.codec_options import CodecOptions, DatetimeConversion
from hypothesis import given, settings
from hypothesis import strategies as st

from dealcache.model.deals import FOREIGN_FIELDS
from dealcache.model.labels import Labels
from dealcache.model.stage_history import StageTime
from dealcache.model.unreadable import UnreadableRecords
from dealcache.reader import views
from dealcache.reader.stage_histories import history_of
from dealcache.repositories.documents import Totals, deal_fields, event_fields, pipeline_fields
from dealcache.repositories.json_values import json_value, number_value
from dealcache.repositories.record_documents import DEALS, EVENTS, PIPELINES, read_records
from dealcache.repositories.stage_times import stage_fields
from tests.examples import examples
from tests.unit.repositories.samples import NOON, a_deal, an_event, at

BERLIN = ZoneInfo("Europe/Berlin")

_bson = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text(st.characters(exclude_categories=("Cs",)), max_size=10)
    | st.binary(max_size=20)
    | st.datetimes(timezones=st.just(UTC))
    | st.integers(-(2**63), 2**63 - 1).map(DatetimeMS)
    | st.decimals(allow_nan=True, places=3, min_value=-(10**20), max_value=10**20).map(Decimal128)
    | st.sampled_from(
        [ObjectId(), Int64(5), Decimal128("Infinity"), Decimal128("1E6000"), bson.MinKey(), bson.MaxKey()]
    )
    | st.sampled_from([bson.Regex("(", 6), bson.Code("f", {"a": 1}), bson.DBRef("c", 1), bson.Timestamp(1, 2)]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)

_OPTIONS: CodecOptions[dict[str, Any]] = CodecOptions(
    tz_aware=True, datetime_conversion=DatetimeConversion.DATETIME_AUTO, unicode_decode_error_handler="replace"
)


def as_stored(document: dict[str, Any]) -> dict[str, Any]:
    """The document as the driver gives it back."""
    return bson.decode(bson.encode(document), _OPTIONS)


def damaged(data: st.DataObject, document: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    changes = data.draw(st.dictionaries(st.sampled_from(names), _bson, min_size=1, max_size=4))
    lost = data.draw(st.sets(st.sampled_from(names), max_size=3))
    return as_stored({name: value for name, value in (document | changes).items() if name not in lost})


@pytest.mark.fuzz
@settings(max_examples=examples(300))
@given(st.data())
def test_whatever_stands_in_an_event_s_document_it_is_shown_and_so_is_the_next(data: st.DataObject) -> None:
    good = event_fields("1", an_event())
    odd = damaged(data, good, (*good, *FOREIGN_FIELDS))

    first, second = read_records(EVENTS, [odd, as_stored(good)], UnreadableRecords())

    assert second == an_event()
    shown = views.event_view(first, BERLIN, Labels())
    assert orjson.loads(orjson.dumps(shown)) == shown
    assert {type(shown[name]) for name in ("subject", "content", "type", "owner", "engagement_id")} == {str}
    assert Totals.of([first, second]).events == 2


@pytest.mark.fuzz
@settings(max_examples=examples(300))
@given(st.data())
def test_whatever_stands_in_a_deal_s_document_it_is_shown_and_so_is_the_next(data: st.DataObject) -> None:
    deal = a_deal(stage_times=(StageTime("a", at(1), at(2)), StageTime("b", at(2))))
    good = deal_fields(deal) | stage_fields(deal)
    odd = damaged(data, good, (*good, "timeline_synced_at"))

    first, second = read_records(DEALS, [odd, as_stored(good)], UnreadableRecords())

    assert second.deal == deal
    history = history_of(first.deal, Labels(), at(3))
    assert orjson.loads(orjson.dumps(history)) == history
    shown = views.info(first.deal, Totals({}), [], BERLIN, Labels())
    assert orjson.loads(orjson.dumps(shown)) == shown
    assert first.deal.archived in (True, False)


@given(_bson)
def test_any_value_of_bson_is_json(value: Any) -> None:
    read = as_stored({"x": value})["x"]
    shown = json_value(read)
    assert orjson.loads(orjson.dumps(shown)) == shown


@given(st.data())
def test_whatever_stands_in_a_pipeline_s_document_the_others_are_read(data: st.DataObject) -> None:
    (good,) = read_records(PIPELINES, [{"pipeline_id": "p", "label": "Sales", "stages": []}], UnreadableRecords())
    odd = damaged(data, pipeline_fields(good), tuple(pipeline_fields(good)))
    assert read_records(PIPELINES, [odd, as_stored(pipeline_fields(good))], UnreadableRecords())[1] == good


def test_a_damaged_document_is_told_of_by_its_type_and_id() -> None:
    counted: list[str] = []
    odd = event_fields("1", an_event()) | {"content": None}
    for _ in range(2):
        read_records(EVENTS, [odd], UnreadableRecords(counted.append))
    assert counted == [an_event().engagement_type] * 2


@pytest.mark.parametrize(
    ("value", "number"),
    [(Decimal128("2.5"), 2.5), (Int64(3), 3.0), (True, None), ("3", None), (None, None), (float("nan"), None)],
)
def test_numbers(value: Any, number: float | None) -> None:
    assert number_value(value) == number


@pytest.mark.parametrize("place", [1e19, -1e308, Decimal128("1E+30"), "first", None])
def test_an_odd_place_of_a_pipeline_or_a_stage_can_be_shown(place: Any) -> None:
    stage = {"stage_id": "s", "label": "Offer", "display_order": place}
    stored = {"pipeline_id": "p", "label": "Sales", "display_order": place, "stages": [stage]}
    (pipeline,) = read_records(PIPELINES, [stored], UnreadableRecords())
    assert (pipeline.display_order, pipeline.stages[0].display_order) == (0, 0)


def test_foreign_fields_of_a_sound_document_cost_nothing() -> None:
    event = event_fields("1", an_event())
    assert read_records(EVENTS, [event], UnreadableRecords())[0].extra == {}
    assert read_records(EVENTS, [event | {"sentiment": NOON}], UnreadableRecords())[0].extra == {
        "sentiment": f"{datetime.isoformat(NOON, timespec='milliseconds')[:23]}Z"
    }
