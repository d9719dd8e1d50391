"""Schemas of queries load as marshmallow's own do, in one pass."""

from __future__ import annotations

import marshmallow as ma
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealcache.api.parameters import (
    DealQuery,
    LiveQuery,
    OptionalDealQuery,
    StageQuery,
    StoredTimelineRead,
    TimelineRead,
)
from dealcache.model.deals import DealKey
from dealcache.reader.timeline_filter import TimelineFilter

SCHEMAS = (DealQuery(), OptionalDealQuery(), StageQuery(), StoredTimelineRead(), TimelineRead())

names = st.sampled_from([*TimelineRead().fields, "stage", "other", ""])
names_and_days = ("", "Acme", " Acme\t", "a\x00", "x" * 513, "2026-01-10", "2026-02-30", "10.1.2026")
texts = st.sampled_from(
    (*names_and_days, "12", "-1", "1001", "1" * 21, "true", "yes", "Note", "Note,Call", "Note,x", "json", "csv", "xml")
)


def outcome(load, data, unknown):
    try:
        return load(data, unknown=unknown)
    except ma.ValidationError as error:
        # The order decides what a client reads first; marshmallow gives unknown names in any.
        return error.messages, [name for name in error.messages if error.messages[name] != ["Unknown field."]]


@given(st.sampled_from(SCHEMAS), st.dictionaries(names, texts), st.sampled_from([ma.EXCLUDE, ma.RAISE]))
def test_each_parameter_is_loaded_as_marshmallow_loads_it(schema, data, unknown):
    def by_marshmallow(data, unknown):
        return schema.completed(ma.Schema.load(schema, data, unknown=unknown))

    assert outcome(schema.load, data, unknown) == outcome(by_marshmallow, data, unknown)


def test_what_follows_from_the_parameters_of_all_bases_is_added():
    assert TimelineRead().load({"dealName": " Acme ", "refresh": "false", "limit": "7"}) == {
        "dealName": " Acme ",
        "refresh": False,
        "limit": 7,
        "format": "json",
        "key": DealKey("name", "Acme"),
        "filter": TimelineFilter(limit=7),
    }


def test_parameters_that_do_not_go_together_are_refused_once_each_is_valid():
    with pytest.raises(ma.ValidationError) as told:
        DealQuery().load({"refresh": "true"})
    assert told.value.messages == {"dealName": ["Give dealName or dealId."]}
    with pytest.raises(ma.ValidationError) as told:
        TimelineRead().load({"limit": "0"})
    assert list(told.value.messages) == ["limit"]


def test_a_repeatable_parameter_is_a_list_however_often_it_is_given():
    schema = LiveQuery()
    assert schema.load({"dealName": "a"}) == schema.load({"dealName": ["a"]}) == {"dealName": ["a"]}
    with pytest.raises(ma.ValidationError) as told:
        schema.load({"dealName": ["a", ""]})
    assert told.value.messages == {"dealName": {1: ["May not be empty."]}}
