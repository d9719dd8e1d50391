"""Own properties of deals: how they are shown, and what conditions and orders by them mean."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from dealcache.model.deal_filter import DealFilter, Order, Place, PropertyFilter, PropertySort, Range
from dealcache.model.deal_properties import PropertyDefinition, typed_value
from dealcache.model.deal_question import DealQuestion
from dealcache.model.deals import Deal
from dealcache.model.labels import Labels
from dealcache.model.unreadable import UnreadableRecords
from dealcache.reader import views
from dealcache.reader.deal_cursor import decode_cursor, encode_cursor
from dealcache.reader.deal_resolution import resolve
from dealcache.reader.deal_rows import COLUMNS, RowMaker, cells
from dealcache.reader.property_resolution import resolve_order
from dealcache.reader.property_views import ListedProperties, cell_of, definitions_of, shown_property
from dealcache.reader.question_errors import InvalidCursorError, QuestionError
from dealcache.repositories import FoundDeal, Totals
from dealcache.repositories.deal_properties import stored_value

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")

PRIORITY = PropertyDefinition("hs_priority", "Priority", "enumeration", "select", {"high": "High", "low": "Low"})
SIZE = PropertyDefinition("deal_size", "Size", "number", "number")
SIGNED = PropertyDefinition("signed", "Signed on", "date", "date")
CALLED = PropertyDefinition("called", "Called at", "datetime", "date")
IS_NEW = PropertyDefinition("is_new", "New?", "bool", "booleancheckbox")
TAGS = PropertyDefinition("tags", "Tags", "enumeration", "checkbox", {"a": "Alpha", "b": "Beta; or so", "A": "alpha"})
SOURCE = PropertyDefinition("deal_source", "Source", "string", "text")
ALL = (PRIORITY, SIZE, SIGNED, CALLED, IS_NEW, TAGS, SOURCE)
NAMES = tuple(one.name for one in ALL)
LABELS = Labels(properties={one.name: one for one in ALL}, absent_properties=frozenset({"gone"}))

SHOWN: list[tuple[PropertyDefinition, str | None, Any]] = [
    (PRIORITY, "high", {"value": "high", "value_label": "High"}),
    (PRIORITY, "urgent", {"value": "urgent", "value_label": "urgent"}),
    (PRIORITY, None, {"value": None, "value_label": None}),
    (SIZE, "12.5", {"value": 12.5}),
    (SIZE, "-7", {"value": -7.0}),
    (SIZE, "a dozen", {"value": "a dozen"}),
    (SIGNED, "2026-01-10", {"value": "2026-01-10"}),
    (SIGNED, "soon", {"value": "soon"}),
    (CALLED, "2026-01-10T09:00:00.123Z", {"value": "2026-01-10T09:00:00.123Z"}),
    (IS_NEW, "true", {"value": True}),
    (IS_NEW, "false", {"value": False}),
    (TAGS, "a;b;c", {"value": ["a", "b", "c"], "value_label": ["Alpha", "Beta; or so", "c"]}),
    (TAGS, None, {"value": None, "value_label": None}),
    (SOURCE, "=1+2 <img onerror>", {"value": "=1+2 <img onerror>"}),
]


@pytest.mark.parametrize(("definition", "text", "expected"), SHOWN)
def test_a_value_is_shown_by_its_type(definition: PropertyDefinition, text: str | None, expected: Any) -> None:
    shown = shown_property(text, definition)
    assert shown == {"label": definition.label, "type": definition.type} | expected
    assert orjson.loads(orjson.dumps(shown)) == shown


def test_only_configured_properties_that_hubspot_may_have_are_shown() -> None:
    shown = definitions_of(("signed", "gone", "hs_priority", "not_read_yet"), LABELS)
    assert list(shown.values()) == [SIGNED, PRIORITY, PropertyDefinition("not_read_yet", "not_read_yet", "string")]
    assert definitions_of((), LABELS) == {}


def a_deal(**texts: str) -> Deal:
    return Deal("17", "Acme", NOW, properties=texts)


def test_deal_info_has_them_only_if_they_are_configured() -> None:
    deal = a_deal(hs_priority="low", hs_v2_date_entered_1="2026-01-01T00:00:00Z")
    plain = views.info(deal, Totals({}), (), UTC, LABELS)
    assert "properties" not in plain
    shown = views.info(deal, Totals({}), (), UTC, LABELS, ("hs_priority", "gone"))
    assert shown.pop("properties") == {
        "hs_priority": {"label": "Priority", "type": "enumeration", "value": "low", "value_label": "Low"}
    }
    assert shown == plain


def rows_of(stored: Any, *names: str, **values: Any) -> list[dict[str, Any]]:
    """Return the row of a deal with this field in its document, twice: what is shown again is remembered."""
    document = {"deal_id": "1", "deal_name": "Acme", "hubspot_updated_at": NOW.replace(tzinfo=None)} | values
    found = FoundDeal({"properties": stored}, document, "", "text", 0)
    maker = RowMaker(LABELS, None, UTC, NOW, UnreadableRecords(), properties=names)
    first, again = maker.row(found), maker.row(found)
    assert first == again
    return [first]


def test_rows_have_them_only_if_they_are_configured() -> None:
    stored = {"tags": ["a", "b"], "deal_size": -2.0, "deal_source": "=A1"}
    (plain,), (row,) = rows_of(stored), rows_of(stored, *NAMES)
    assert list(plain) == list(COLUMNS)
    assert list(row) == [*COLUMNS, "properties"]
    assert list(row["properties"]) == list(NAMES)
    (cell,) = cells([row])
    assert [cell[f"property.{name}"] for name in NAMES] == [None, -2.0, None, None, None, "Alpha; Beta; or so", "=A1"]
    assert cells([plain]) == [plain]


def test_a_deal_that_cannot_be_shown_has_nulls() -> None:
    (row,) = rows_of({}, *NAMES, deal_id="17", hubspot_updated_at=None)
    assert row == dict.fromkeys((*COLUMNS, "properties")) | {"deal_id": "17"}
    assert cells([row]) == [row]


def resolved(name: str, *texts: str, bears: str = "", names: tuple[str, ...] = NAMES) -> DealFilter:
    question = DealQuestion(properties=((name, texts),))
    return resolve(question, LABELS, lambda field, value: f"{field}={value}" == bears, BERLIN, NOW, names)


RESOLVED: list[tuple[str, tuple[str, ...], PropertyFilter]] = [
    ("hs_priority", ("high",), PropertyFilter("hs_priority", ("high",))),
    ("hs_priority", ("LOW ", "High", "high"), PropertyFilter("hs_priority", ("low", "high"))),
    ("tags", ("ALPHA",), PropertyFilter("tags", ("a", "A"))),
    ("deal_size", ("12.50", "-7"), PropertyFilter("deal_size", (12.5, -7.0))),
    ("signed", ("2026-01-10",), PropertyFilter("signed", (datetime(2026, 1, 10, tzinfo=UTC),))),
    ("is_new", ("TRUE",), PropertyFilter("is_new", (True,))),
    ("deal_source", ("Fair ",), PropertyFilter("deal_source", ("Fair ",))),
]


@pytest.mark.parametrize(("name", "texts", "expected"), RESOLVED)
def test_conditions_mean_values_as_they_are_stored(name: str, texts: tuple[str, ...], expected: PropertyFilter) -> None:
    assert resolved(name, *texts).properties == (expected,)


def test_times_are_found_by_days_of_the_zone() -> None:
    (one,) = resolved("called", "2026-10-25", "2026-01-10", "2026-10-25").properties
    assert one.values == ()
    assert [range_.least for range_ in one.ranges] == [
        datetime(2026, 1, 9, 23, tzinfo=UTC),
        datetime(2026, 10, 24, 22, tzinfo=UTC),
    ]
    assert all(isinstance(range_, Range) for range_ in one.ranges)


def test_an_option_that_is_gone_is_known_where_a_deal_has_it() -> None:
    assert resolved("hs_priority", "urgent", bears="properties.hs_priority=urgent").properties[0].values == ("urgent",)


REFUSED: list[tuple[str, str, str]] = [
    ("hs_priority", "urgent", r"There is no option 'urgent'\. There are, for example: High, Low\."),
    ("deal_size", "many", "Must be a number"),
    ("deal_size", "NaN", "Must be a number"),
    ("signed", "2026-02-30", "Must be a day, YYYY-MM-DD"),
    ("signed", "20260210", "Must be a day"),
    ("called", "2026-01-10T09:00:00Z", "Must be a day"),
    ("is_new", "yes", "Must be true or false"),
    ("gone", "1", r"There is no property 'gone'\. There are, for example: hs_priority, "),
    ("amount", "1", "There is no property 'amount'"),
    ("", "1", "There is no property ''"),
]


@pytest.mark.parametrize(("name", "text", "message"), REFUSED)
def test_what_is_wrong_is_told_by_parameter(name: str, text: str, message: str) -> None:
    with pytest.raises(QuestionError, match=message) as refused:
        resolved(name, text, names=(*NAMES, "gone"))
    assert refused.value.parameter == f"property.{name}"


def test_only_the_first_32_are_found_by() -> None:
    names = (*(f"p{number}" for number in range(32)), "deal_size")
    assert resolved("p31", "1", names=names)
    with pytest.raises(QuestionError, match="Only the first 32 properties"):
        resolved("deal_size", "1", names=names)
    with pytest.raises(QuestionError, match="Only the first 32 properties"):
        resolve_order(Order("property.deal_size"), LABELS, names)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("hs_priority", "text"), ("deal_size", "number"), ("signed", "date"), ("called", "date"), ("is_new", "bool")],
)
def test_orders_are_by_the_kind_of_the_values(name: str, kind: Any) -> None:
    assert resolve_order(Order(f"property.{name}", True), LABELS, NAMES) == Order(PropertySort(name, kind), True)


@pytest.mark.parametrize(("name", "message"), [("tags", "may have several"), ("gone", "There is no property 'gone'")])
def test_orders_that_cannot_be_are_refused(name: str, message: str) -> None:
    with pytest.raises(QuestionError, match=message) as refused:
        resolve_order(Order(f"property.{name}"), LABELS, (*NAMES, "gone"))
    assert refused.value.parameter == "sort"


def test_a_cursor_belongs_to_the_property_and_its_type() -> None:
    order, place = Order(PropertySort("deal_size", "number"), False), Place(0, 2.5, "17")
    cursor = encode_cursor(place, order, "question")
    assert decode_cursor(cursor, order, "question") == place
    for other in (("deal_size", "text"), ("another", "number")):
        with pytest.raises(InvalidCursorError):
            decode_cursor(cursor, Order(PropertySort(*other), False), "question")  # type: ignore[arg-type]
    flag = Order(PropertySort("is_new", "bool"), False)
    assert decode_cursor(encode_cursor(Place(0, True, "17"), flag, ""), flag, "") == Place(0, True, "17")
    with pytest.raises(InvalidCursorError):
        decode_cursor(encode_cursor(Place(0, 1, "17"), flag, ""), flag, "")


def test_a_question_without_properties_is_what_it_always_was() -> None:
    question = DealQuestion(stages=("won",))
    assert question.identity == repr(question)
    assert "properties" not in question.identity
    assert DealQuestion(properties=(("a", ("1",)),)).identity != DealQuestion(properties=(("a", ("2",)),)).identity


def test_a_cell_is_a_label() -> None:
    assert cell_of(shown_property("high", PRIORITY)) == "High"
    assert cell_of(shown_property("2026-01-10", SIGNED)) == date(2026, 1, 10).isoformat()
    assert cell_of(shown_property(None, TAGS)) is None


@pytest.mark.parametrize(("definition", "text", "expected"), SHOWN)
def test_a_row_shows_a_stored_value_as_deal_info_shows_its_text(
    definition: PropertyDefinition, text: str | None, expected: Any
) -> None:
    stored = {} if text is None else {definition.name: stored_value(typed_value(text, definition))}
    (row,) = rows_of(stored, definition.name)
    assert row["properties"] == {definition.name: {"label": definition.label, "type": definition.type} | expected}


@pytest.mark.parametrize("odd", [{"a": 1}, [{"a": 1}], [[1]], float("nan"), b"x", None, [], "", 5])
def test_another_system_s_value_is_a_text_or_null(odd: Any) -> None:
    (row,) = rows_of({"deal_size": odd, "tags": odd}, "deal_size", "tags")
    assert list(row["properties"]) == ["deal_size", "tags"]
    assert orjson.loads(orjson.dumps(row["properties"])) == row["properties"]
    assert rows_of([1], "tags")[0]["properties"]["tags"]["value"] is None


def test_equal_values_of_different_types_are_told_apart() -> None:
    shown = ListedProperties({"deal_size": SIZE})
    values = [shown.of({"deal_size": value})["deal_size"]["value"] for value in (1.0, True, 1, "1", False, 0.0)]
    assert values == [1.0, "true", 1.0, 1.0, "false", 0.0]
