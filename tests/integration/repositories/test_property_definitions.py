"""The stored definitions of own properties, against a real MongoDB."""

from __future__ import annotations

from types import MappingProxyType

import pytest

from dealcache.model.deal_properties import PropertyDefinition
from dealcache.repositories import Connection
from dealcache.repositories.labels import LabelRepository
from tests.unit.repositories.samples import at

SIZE = PropertyDefinition("size", "Size", "number", "number")
PRIORITY = PropertyDefinition(
    "priority", "Priority", "enumeration", "select", MappingProxyType({"high": "High", "low": "Low"})
)


@pytest.fixture
def labels(connection: Connection) -> LabelRepository:
    return LabelRepository(connection, ("size", "priority", "gone"))


def test_definitions_come_back_as_they_were(connection: Connection, labels: LabelRepository) -> None:
    assert labels.read().properties == {}
    assert labels.properties_read_at() is None
    before = labels.snapshot().digest
    labels.save_properties([SIZE, PRIORITY], at(1))
    found = labels.read()
    assert found.properties == {"size": SIZE, "priority": PRIORITY}
    assert list(found.properties["priority"].options) == ["high", "low"]
    assert found.absent_properties == {"gone"}
    assert labels.properties_read_at() == at(1)
    assert labels.snapshot().digest != before
    again = LabelRepository(connection, ("size", "priority", "gone"))
    assert again.snapshot().digest == labels.snapshot().digest


def test_a_property_that_is_gone_has_no_definition_and_one_that_is_back_has_one(labels: LabelRepository) -> None:
    labels.save_properties([SIZE, PRIORITY], at(1))
    labels.save_properties([PRIORITY], at(2))
    assert (set(labels.read().properties), labels.read().absent_properties) == ({"priority"}, {"size", "gone"})
    labels.save_properties([SIZE], at(1))  # an older reading
    assert set(labels.read().properties) == {"priority"}
    labels.save_properties([SIZE, PRIORITY], at(3))
    assert set(labels.read().properties) == {"size", "priority"}


def test_processes_with_other_properties_do_not_disturb_each_other(
    connection: Connection, labels: LabelRepository
) -> None:
    labels.save_properties([SIZE, PRIORITY], at(1))
    other = LabelRepository(connection, ("size", "new"))
    assert other.properties_read_at() is None
    other.save_properties([SIZE], at(2))
    assert (set(other.read().properties), other.read().absent_properties) == ({"size"}, {"new"})
    assert set(labels.read().properties) == {"size", "priority"}


def test_without_names_mongodb_is_not_asked_and_the_digest_is_as_before(
    connection: Connection, labels: LabelRepository
) -> None:
    before = LabelRepository(connection).snapshot().digest
    labels.save_properties([SIZE, PRIORITY], at(1))
    assert LabelRepository(connection).snapshot().digest == before
    assert LabelRepository(connection).read().properties == {}
    with connection.operation() as database:
        assert "deal_properties" in database.list_collection_names()


def test_damaged_documents_do_no_harm(connection: Connection, labels: LabelRepository) -> None:
    with connection.operation() as database:
        database.deal_properties.insert_many(
            [
                {"_id": "size", "label": 7, "type": None, "options": [1, {"value": "a"}, {"label": "b"}]},
                {"_id": "priority", "options": "x", "synced_at": "yesterday"},
            ]
        )
    size, priority = (labels.read().properties[name] for name in ("size", "priority"))
    assert (size.label, size.type, dict(size.options)) == ("size", "string", {"a": "a"})
    assert dict(priority.options) == {}
    assert labels.properties_read_at() is None
