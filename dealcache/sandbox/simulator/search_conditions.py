"""The filters of a search: what each operator means, for each kind of property.

Source: HubSpot, CRM search guide. What it leaves open is decided here: BETWEEN includes both ends, NEQ, NOT_IN and
NOT_CONTAINS_TOKEN also match records whose property is empty. Texts are compared whole but for case: white space around
them counts, and so does which way characters are composed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from dealcache.sandbox.simulator.object_types import PropertyKind
from dealcache.sandbox.simulator.records import Properties
from dealcache.sandbox.simulator.timestamps import to_iso, to_milliseconds

#: Returns True if a record's value, None if it is empty, passes.
ValueTest = Callable[[str | None], bool]
#: Returns True if a record passes, by its id and its properties.
RecordTest = Callable[[int, Properties], bool]

# Word boundaries as most search engines see them (Unicode, annex 29): an apostrophe, a dot and what is set upon a
# letter belong to the word. Nobody says that HubSpot's are the same.
_LETTERS = r"(?:\w[\u0300-\u036f]*)+"
_WORD = re.compile(rf"{_LETTERS}(?:['’.]{_LETTERS})*")
_TOKEN = re.compile(r"[\w*'’.\u0300-\u036f]+")


class Filter(NamedTuple):
    """One filter as the client sent it: ``values`` are those of IN and NOT_IN, else the value and the high value."""

    property: str
    operator: str
    values: tuple[str, ...]


class Condition(NamedTuple):
    """A filter made ready: the test, and ids of the only records that can pass it (None: any can)."""

    test: RecordTest
    ids: frozenset[int] | None = None


def value_test(kind: PropertyKind, operator: str, values: tuple[str, ...]) -> ValueTest:
    """Makes the test for one operator on properties of one kind.

    Raises:
        ValueError: the operator is unknown, or a value is none of the kind.
    """
    if operator == "HAS_PROPERTY":
        return lambda value: bool(value)
    if operator == "NOT_HAS_PROPERTY":
        return lambda value: not value
    if operator in _NEGATIONS:
        positive = value_test(kind, _NEGATIONS[operator], values)
        return lambda value: not positive(value)
    if operator == "CONTAINS_TOKEN":
        return _contains_tokens(values[0])
    if operator == "IN":
        return _one_of(kind, values)
    return _compared(kind, operator, values)


def condition(kinds: Mapping[str, PropertyKind], one: Filter, named: Callable[[str], Iterable[int]]) -> Condition:
    """Makes a property's filter ready.

    Args:
        kinds: the properties that the searched object type has, by name.
        one: the filter.
        named: gives the ids of the deals that may have a (case-folded) name.

    Raises:
        ValueError: the operator is unknown, or a value is none of the property's kind.
    """
    name = one.property
    test = value_test(kinds.get(name, "string"), one.operator, one.values)

    def passes(record_id: int, properties: Properties) -> bool:
        return test(properties.get(name))

    ids: Iterable[int] | None = None
    if one.operator in ("EQ", "IN"):
        if name == "dealname":
            ids = (found for value in one.values for found in named(value.casefold()))
        elif name == "hs_object_id":
            ids = (int(value) for value in one.values if value.isdecimal())
    return Condition(passes, None if ids is None else frozenset(ids))


def association_condition(
    one: Filter, associated: Callable[[int], Iterable[int]], counterparts: Callable[[int], Iterable[int]]
) -> Condition:
    """Makes a filter on the pseudo property ``associations.{type}`` ready.

    Args:
        one: the filter; EQ, IN, HAS_PROPERTY and NOT_HAS_PROPERTY make sense.
        associated: gives the ids of the searched type that a record of the other type is associated with.
        counterparts: gives the ids of the other type that a searched record is associated with.

    Raises:
        ValueError: another operator, or a value that is no id.
    """
    if one.operator == "HAS_PROPERTY":
        return Condition(lambda record_id, _: bool(counterparts(record_id)))
    if one.operator == "NOT_HAS_PROPERTY":
        return Condition(lambda record_id, _: not counterparts(record_id))
    if one.operator not in ("EQ", "IN"):
        raise ValueError(f"operator {one.operator} is not supported for {one.property}")
    ids = frozenset(found for value in one.values for found in associated(int(value)))
    return Condition(lambda record_id, _: record_id in ids, ids)


def words(text: str) -> list[str]:
    """The tokens that search splits a text into, in lower case."""
    return _WORD.findall(text.lower())


def _contains_tokens(value: str) -> ValueTest:
    patterns = [re.compile(re.escape(token).replace(r"\*", ".*")) for token in _TOKEN.findall(value.lower())]

    def passes(text: str | None) -> bool:
        tokens = words(text or "")
        return all(any(pattern.fullmatch(token) for token in tokens) for pattern in patterns)

    return passes


def _one_of(kind: PropertyKind, values: tuple[str, ...]) -> ValueTest:
    """IN: texts are compared in lower case with the values as they are, so a value with a capital never matches."""
    if kind == "string":
        wanted = frozenset(values)
        return lambda value: bool(value) and (value or "").lower() in wanted
    key = _KEYS[kind]
    keys = frozenset(key(value) for value in values)
    return lambda value: bool(value) and key(value or "") in keys


def _compared(kind: PropertyKind, operator: str, values: tuple[str, ...]) -> ValueTest:
    key = _KEYS[kind]
    low = key(values[0])
    if operator == "BETWEEN":
        high = key(values[1])
        return lambda value: bool(value) and low <= key(value or "") <= high
    compare = _COMPARISONS.get(operator)
    if compare is None:
        raise ValueError(f"unknown operator {operator}")
    return lambda value: bool(value) and compare(key(value or ""), low)


def _moment_key(value: str) -> str:
    # What is stored has this form already; such texts sort like the times they stand for.
    return value if len(value) == 24 and value.endswith("Z") else to_iso(to_milliseconds(value))


_KEYS: dict[PropertyKind, Callable[[str], Any]] = {
    "string": str.casefold,
    "enumeration": str,
    "number": float,
    "date": _moment_key,
    "datetime": _moment_key,
    "bool": str,
}
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "EQ": lambda one, other: one == other,
    "LT": lambda one, other: one < other,
    "LTE": lambda one, other: one <= other,
    "GT": lambda one, other: one > other,
    "GTE": lambda one, other: one >= other,
}
_NEGATIONS = {"NEQ": "EQ", "NOT_IN": "IN", "NOT_CONTAINS_TOKEN": "CONTAINS_TOKEN"}
