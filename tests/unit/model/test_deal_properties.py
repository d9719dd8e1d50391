"""Values of own properties by their types; what does not fit stays the text that it is."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealcache.model.deal_properties import PropertyDefinition, PropertyValue, fits, number_of, typed_value

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


def defined(kind: str, field_type: str = "") -> PropertyDefinition:
    return PropertyDefinition("x", "X", kind, field_type)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("number", "12.50", 12.5),
        ("number", "-3", -3.0),
        ("number", " 1e3 ", 1000.0),
        ("bool", "true", True),
        ("bool", "False ", False),
        ("date", "2026-11-01", date(2026, 11, 1)),
        ("date", "2026-11-01T23:30:00.000Z", date(2026, 11, 1)),
        ("date", "1793491200000", date(2026, 11, 1)),
        ("datetime", "2026-11-01T12:00:00.000Z", NOON),
        ("datetime", "2026-11-01T14:00:00+02:00", NOON),
        ("date", "9998-12-31", date(9998, 12, 31)),
        ("enumeration", "high", "high"),
        ("enumeration", "a;b", "a;b"),
        ("string", "12", "12"),
        ("string", "x" * 1_000_000, "x" * 1_000_000),
        ("phone_number", "+49 30 1", "+49 30 1"),
        ("a type of next year", "true", "true"),
    ],
)
def test_values_that_fit(kind: str, text: str, value: PropertyValue) -> None:
    found = typed_value(text, defined(kind))
    assert (found, type(found)) == (value, type(value))
    assert fits(text, defined(kind))


@pytest.mark.parametrize("text", ["-0", "-0.00", "-1e-999", "0"])
def test_zero_has_no_sign(text: str) -> None:
    assert repr(typed_value(text, defined("number"))) == repr(number_of(text)) == "0.0"


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("number", "1e999"),
        ("number", "NaN"),
        ("number", "-Infinity"),
        ("number", "1_000"),
        ("number", "twelve"),
        ("number", "1" * 1_000_000),
        ("bool", "Yes"),
        ("bool", "1"),
        ("date", "12345-01-01"),
        ("date", "0000-01-01"),
        ("date", "soon"),
        ("date", "9" * 30),
        ("datetime", "2026-13-01T00:00:00Z"),
    ],
)
def test_values_that_do_not_fit_stay_texts(kind: str, text: str) -> None:
    assert typed_value(text, defined(kind)) == text
    assert not fits(text, defined(kind))


def test_several_options() -> None:
    several = defined("enumeration", "checkbox")
    assert several.has_several
    assert typed_value("web; fair;;web", several) == ("web", "fair")
    assert typed_value("web", several) == ("web",)
    assert typed_value(" ; ", several) == " ; "
    many = ";".join(map(str, range(1_001)))
    assert typed_value(many, several) == many
    assert not fits(many, several)
    assert not defined("enumeration", "select").has_several
    assert not defined("string", "checkbox").has_several


def test_without_a_definition_everything_is_text() -> None:
    assert typed_value("12", None) == "12"
    assert fits("12", None)


@given(st.text(), st.sampled_from(["number", "bool", "date", "datetime", "enumeration", "string", ""]))
def test_no_text_is_an_error(text: str, kind: str) -> None:
    for field_type in ("", "checkbox"):
        value = typed_value(text, defined(kind, field_type))
        assert isinstance(value, str | float | bool | date | tuple)
        assert fits(text, defined(kind, field_type)) or value == text
