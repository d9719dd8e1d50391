"""Resolves conditions and orders by own properties to values as they are stored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time

from dealcache.model.deal_filter import Order, PropertyFilter, PropertySort, Range, ValueKind
from dealcache.model.deal_properties import PropertyDefinition, typed_value
from dealcache.model.deal_question import PROPERTY
from dealcache.model.deals import bare_name, name_key
from dealcache.model.labels import Labels
from dealcache.reader.property_views import definitions_of
from dealcache.reader.question_errors import QuestionError, UnknownLabelError
from dealcache.repositories import MOST_INDEXED_PROPERTIES

#: The form of values of each type, for errors.
_FORMS: Mapping[str, str] = {
    "number": "a number",
    "bool": "true or false",
    "date": "a day, YYYY-MM-DD",
    "datetime": "a day, YYYY-MM-DD",
}

#: The kinds of values by which each type is sorted; all others are texts.
_KINDS: Mapping[str, ValueKind] = {"number": "number", "bool": "bool", "date": "date", "datetime": "date"}

#: Returns the times of a day in the zone of all days.
Days = Callable[[date], Range]


def resolve_order(order: Order, labels: Labels, names: Sequence[str]) -> Order:
    """Return the order that a client's word means; ``names`` are the configured properties.

    Raises:
        QuestionError: there is no such property, or deals cannot be sorted by it.
    """
    if not isinstance(order.sort, str) or not order.sort.startswith(PROPERTY):
        return order
    definition = _definition("sort", order.sort.removeprefix(PROPERTY), labels, names)
    if definition.has_several:
        raise QuestionError("sort", f"{order.sort} may have several values, by which deals cannot be sorted.")
    return order._replace(sort=PropertySort(definition.name, _KINDS.get(definition.type, "text")))


def resolve_properties(
    wanted: Iterable[tuple[str, Sequence[str]]],
    labels: Labels,
    names: Sequence[str],
    bears: Callable[[str, str], bool],
    day_of: Days,
) -> tuple[PropertyFilter, ...]:
    """Return the filters that a client's conditions mean.

    Args:
        wanted: names of properties, each with texts of which one must be the value.
        labels: the present ones.
        names: the configured properties.
        bears: tells whether any deal has a value that is none of the options.
        day_of: returns the times of a day.

    Raises:
        QuestionError: there is no such property or option, or a text is no value of the property.
    """
    filters = []
    for name, texts in wanted:
        definition = _definition(PROPERTY + name, name, labels, names)
        if definition.type == "datetime":
            days = sorted({_day(text, definition) for text in texts})
            filters.append(PropertyFilter(name, ranges=tuple(map(day_of, days))))
            continue
        values = (value for text in texts for value in _values(text, definition, bears))
        filters.append(PropertyFilter(name, tuple(dict.fromkeys(values))))
    return tuple(filters)


def _definition(parameter: str, name: str, labels: Labels, names: Sequence[str]) -> PropertyDefinition:
    known = definitions_of(names, labels)
    if name not in known:
        raise UnknownLabelError(parameter, name, known, "property")
    if name in names[MOST_INDEXED_PROPERTIES:]:
        first = f"Only the first {MOST_INDEXED_PROPERTIES} properties of the configuration"
        raise QuestionError(parameter, f"{first} can be filtered and sorted by; {name} is a later one.")
    return known[name]


def _values(
    text: str, definition: PropertyDefinition, bears: Callable[[str, str], bool]
) -> Iterable[str | float | bool | datetime]:
    if definition.type == "enumeration":
        return _options(text, definition, bears)
    if definition.type == "date":
        return [datetime.combine(_day(text, definition), time(), UTC)]
    if definition.type not in _FORMS:
        return [text]
    value = typed_value(text, definition)
    if not isinstance(value, float | bool):
        raise _wrong(definition)
    return [value]


def _options(text: str, definition: PropertyDefinition, bears: Callable[[str, str], bool]) -> list[str]:
    """Return the options that have this value, or this label in any case; one that is gone if a deal has it still."""
    bare, key = bare_name(text), name_key(text)
    options = definition.options
    found = [value for value, label in options.items() if value == bare or key in (name_key(value), name_key(label))]
    if not found and not bears(f"properties.{definition.name}", bare):
        raise UnknownLabelError(PROPERTY + definition.name, text, options.values(), "option")
    return found or [bare]


def _day(text: str, definition: PropertyDefinition) -> date:
    try:
        if len(text) == len("YYYY-MM-DD"):  # not one of the other forms that Python reads
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise _wrong(definition)


def _wrong(definition: PropertyDefinition) -> QuestionError:
    return QuestionError(PROPERTY + definition.name, f"Must be {_FORMS[definition.type]}.")
