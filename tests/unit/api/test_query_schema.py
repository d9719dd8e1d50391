"""Schemas of queries: what they make of the parameters, and which of these do not go together."""

from __future__ import annotations

import marshmallow as ma
import pytest

from dealcache.api.parameters import DealRead, LiveQuery, TimelineRead
from dealcache.api.strict_blueprint import given_parameters
from dealcache.model.deals import DealKey
from dealcache.reader.timeline_filter import TimelineFilter


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
        DealRead().load({"refresh": "true"})
    assert told.value.messages == {"dealName": ["Give dealName or dealId."]}
    with pytest.raises(ma.ValidationError) as told:
        DealRead().load({"dealName": "", "dealId": "x"})
    assert list(told.value.messages) == ["dealName", "dealId"]
    with pytest.raises(ma.ValidationError) as told:
        TimelineRead().load({"limit": "0"})
    assert list(told.value.messages) == ["limit"]


def test_a_repeatable_parameter_is_a_list_however_often_it_is_given():
    schema = LiveQuery()
    assert schema.load(given_parameters("dealName=a", schema)) == {"dealName": ["a"]}
    assert schema.load(given_parameters("dealName=a&dealName=b", schema)) == {"dealName": ["a", "b"]}
    with pytest.raises(ma.ValidationError) as told:
        schema.load(given_parameters("dealName=a&dealName=", schema))
    assert told.value.messages == {"dealName": {1: ["May not be empty."]}}
