"""Own properties in documents, and back as the texts that HubSpot writes."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import Decimal128, Int64

from dealcache.model.deal_properties import PropertyDefinition, typed_value
from dealcache.model.unreadable import UnreadableRecords
from dealcache.repositories.deal_properties import StoredProperties, property_texts
from tests.unit.repositories.samples import a_deal, at

KINDS = {
    "size": PropertyDefinition("size", "Size", "number"),
    "start": PropertyDefinition("start", "Start", "date"),
    "signed": PropertyDefinition("signed", "Signed", "datetime"),
    "active": PropertyDefinition("active", "Active", "bool"),
    "sources": PropertyDefinition("sources", "Sources", "enumeration", "checkbox"),
    "priority": PropertyDefinition("priority", "Priority", "enumeration", "select"),
}
TEXTS = {
    "size": "12.50",
    "start": "2026-11-02",
    "signed": "2026-11-01T12:00:00.123Z",
    "active": "true",
    "sources": "web;fair",
    "priority": "high",
}
STORED = {
    "size": 12.5,
    "start": datetime(2026, 11, 2, tzinfo=UTC),
    "signed": datetime(2026, 11, 1, 12, 0, 0, 123_000, tzinfo=UTC),
    "active": True,
    "sources": ["web", "fair"],
    "priority": "high",
}


def stored_of(texts: dict[str, str], **kinds: PropertyDefinition) -> Any:
    return StoredProperties(tuple(texts), lambda: kinds).fields(a_deal(properties=texts), None)["properties"]


def test_values_are_stored_by_their_types() -> None:
    assert stored_of(TEXTS, **KINDS) == STORED


def test_values_come_back_as_texts_of_the_same_meaning() -> None:
    texts = property_texts({"properties": STORED})
    assert {name: typed_value(text, KINDS[name]) for name, text in texts.items()} == {
        name: typed_value(text, KINDS[name]) for name, text in TEXTS.items()
    }
    assert stored_of(dict(texts), **KINDS) == STORED


def test_a_type_that_changed_since_is_no_damage() -> None:
    texts = property_texts({"properties": STORED})
    as_texts = {name: PropertyDefinition(name, name, "string") for name in TEXTS}
    assert stored_of(dict(texts), **as_texts) == texts
    assert typed_value(texts["priority"], KINDS["size"]) == "high"


def test_without_definitions_values_are_stored_as_texts() -> None:
    assert stored_of(TEXTS) == TEXTS


def test_values_that_do_not_fit_are_logged_once_for_each_property(caplog: pytest.LogCaptureFixture) -> None:
    counted: list[str] = []
    stored = StoredProperties(tuple(KINDS), lambda: KINDS, UnreadableRecords(counted.append))
    odd = {"size": "huge", "start": "soon", "priority": "a;b"}
    with caplog.at_level(logging.WARNING):
        for deal_id in ("1", "2"):
            assert stored.fields(a_deal(deal_id, properties=odd), None) == {"properties": odd}
    assert counted == ["properties", "properties"]
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        "a record of properties (size)",
        "a record of properties (start)",
    ]
    assert "huge" not in caplog.text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Int64(7), "7"),
        (Decimal128("1.50"), "1.5"),
        (float("nan"), None),
        (None, None),
        ("", None),
        ([], None),
        ({"a": 1}, None),
        (at(0), "2026-11-01T12:00:00.000Z"),
    ],
)
def test_values_of_other_systems(value: object, text: str | None) -> None:
    assert property_texts({"properties": {"x": value}}).get("x") == text


@pytest.mark.parametrize("damaged", ["x", ["x"], None, 7])
def test_a_damaged_field_has_no_properties(damaged: object) -> None:
    assert property_texts({"properties": damaged}) == {}
