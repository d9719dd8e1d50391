"""Whatever single records hold: the rest of their page comes as it is, and of themselves what can be read."""

from __future__ import annotations

import logging
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dealcache.hubspot import mapping
from dealcache.hubspot.activities import ACTIVITY_TYPES, DEAL_PROPERTIES
from dealcache.hubspot.errors import MalformedAnswer
from dealcache.hubspot.mapper import RecordMapper
from dealcache.hubspot.mapping import deal_of, event_of
from dealcache.hubspot.pages import association_page_of, refused_ids
from dealcache.model.deals import ENGAGEMENT_TYPES, EVENT_TYPE_OF, EVENT_TYPES
from dealcache.model.labels import Labels, Owner
from dealcache.model.timestamps import EARLIEST, LATEST
from dealcache.model.unreadable import UnreadableRecords
from dealcache.reader import views
from dealcache.repositories import Totals
from tests.examples import examples
from tests.unit.hubspot.records import CREATED, deal, record

BERLIN = ZoneInfo("Europe/Berlin")

ODD = [
    *(None, "", " ", True, False, 0, -1, 2**70, 10**200, 1.5, 1e300, float("inf"), float("nan"), [], {}, [[]]),
    *("abc", "\x00", "\ud800", "a\ud83d\udc00b", "$where", "a.b", "1e400", "NaN", "9" * 60, "007", "1" * 5000),
    *("9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", "0000-01-01", "-1", "10000-01-01", "1" + "0" * 18),
    {"$ref": 1, "a.b": {"c": ["\ud800"]}},
    ["x", {"y": None}],
]


def test_the_types_of_events_stand_in_one_place_and_are_the_mapping_s():
    assert {name: kind.event_type for name, kind in ACTIVITY_TYPES.items()} == EVENT_TYPE_OF


@pytest.mark.parametrize("value", ODD, ids=lambda value: repr(value)[:30])
@pytest.mark.parametrize("name", DEAL_PROPERTIES)
def test_one_odd_property_of_a_deal_loses_no_other(name, value):
    good, odd = deal_of(deal()), deal_of(deal(**{name: value}) if name != "dealname" else deal(name=value))
    fields = {
        "dealname": "deal_name",
        "amount": "amount",
        "dealstage": "stage_id",
        "pipeline": "pipeline_id",
        "hubspot_owner_id": "owner_id",
        "createdate": "create_date",
        "closedate": "close_date",
        "hs_lastmodifieddate": "hubspot_updated_at",
        "hs_merged_object_ids": "merged_ids",
        "deal_currency_code": "currency",
        "amount_in_home_currency": "amount_in_home_currency",
    }
    for own in fields.values():
        if own != fields[name]:
            assert getattr(odd, own) == getattr(good, own)
    orjson.dumps(views.info(odd, Totals({}), [], BERLIN, Labels()))


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"amount": "abc"}, {"amount": None}),
        ({"amount": {"value": 3}}, {"amount": None}),
        ({"closedate": "9999-12-31T23:59:59Z"}, {"close_date": LATEST.replace(microsecond=0)}),
        ({"closedate": 1e18}, {"close_date": LATEST}),
        ({"closedate": "0000-12-01"}, {"close_date": EARLIEST}),
        ({"closedate": "soon"}, {"close_date": None}),
        ({"dealstage": 7}, {"stage_id": "7"}),
        ({"dealstage": ["7"]}, {"stage_id": None}),
    ],
    ids=str,
)
def test_what_an_odd_property_becomes(properties, expected):
    odd = deal_of(deal(**properties))
    assert {name: getattr(odd, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (None, ""),
        (12, "12"),
        (True, "true"),
        (["x"], ""),
        ({"a": 1}, ""),
        ("a\ud800b", "a\ufffdb"),
        ("n" * 70_000, "n" * 65_536),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_what_an_odd_name_becomes(name, shown):
    assert deal_of(deal(name=name)).deal_name == shown


@pytest.mark.parametrize("archived", ["true", " TRUE ", True])
def test_archived_may_be_a_text(archived):
    assert deal_of(deal() | {"archived": archived}).archived


def test_properties_that_are_none_leave_what_the_record_itself_says():
    for properties in (None, [], "x", 7):
        found = deal_of(deal() | {"properties": properties})
        assert (found.deal_id, found.deal_name, found.create_date is not None) == ("7891023", "", True)


@pytest.mark.parametrize("times", [{"hs_timestamp": {}}, {"hs_timestamp": "x", "hs_createdate": CREATED}, {}], ids=str)
def test_an_event_takes_the_next_time_that_there_is(times):
    assert event_of("notes", record("1", **times)).occurred_at == deal_of(deal()).create_date


def test_the_last_resort_of_an_event_is_its_last_change():
    odd = record("1", hs_timestamp=None) | {"createdAt": None}
    assert event_of("notes", odd).occurred_at == event_of("notes", odd).hubspot_updated_at


def test_a_text_that_the_converter_cannot_read_is_an_event_without_content(monkeypatch, caplog):
    def broken(source):
        raise ValueError(f"the text {source} is terrible")

    monkeypatch.setattr(mapping, "_content", lambda *_: broken("secret"))
    counted = []
    mapper = RecordMapper(UnreadableRecords(counted.append))
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            (event,) = mapper.events("calls", [record("301", hs_call_title="Hello", hs_call_body="x")])

    assert (event.type, event.subject, event.content, event.engagement_id) == ("Call", "Hello", "", "301")
    assert caplog.messages == ["a record of calls (301): not all of it can be read: content"]
    assert counted == ["calls"]


def test_a_text_of_twenty_megabytes_is_kept_as_far_as_a_document_takes_it():
    event = event_of("postal_mail", record("1", hs_postal_mail_body="x" * 20_000_000))
    assert event.content == "x" * 12_000_000


def test_a_record_without_an_id_is_left_out_and_one_with_it_among_its_properties_is_not():
    counted = []
    mapper = RecordMapper(UnreadableRecords(counted.append))
    hidden = record("5") | {"id": None}
    nameless = {"id": {}, "properties": {"hs_object_id": None}}

    found = mapper.identified("notes", [record("1"), hidden, nameless, None, 7, "x", []])

    assert [one["id"] for one in found] == ["1", "5"]
    assert counted == ["notes"]


def test_a_page_without_a_single_record_is_no_page():
    with pytest.raises(MalformedAnswer):
        RecordMapper().identified("deals", [{"key": "1"}] * 10)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(ODD),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.fuzz
@settings(max_examples=examples(400))
@given(st.sampled_from(ENGAGEMENT_TYPES), st.data())
def test_no_record_whatever_it_holds_costs_its_page(kind, data):
    names = ("hs_object_id", *ACTIVITY_TYPES[kind].properties)
    members = dict.fromkeys(("id", "properties", "createdAt", "updatedAt", "archived"), _json)
    properties = st.fixed_dictionaries({}, optional=dict.fromkeys(names, _json))
    odd = data.draw(st.fixed_dictionaries({}, optional=members | {"properties": properties | _json}) | _json)
    mapper = RecordMapper()

    events = mapper.events(kind, mapper.identified(kind, [odd, record("1")]))

    assert events[-1].engagement_id == "1"
    for event in events:
        shown = views.event_view(event, BERLIN, Labels())
        assert shown["type"] in EVENT_TYPES
        assert orjson.loads(orjson.dumps(shown)) == shown


@pytest.mark.fuzz
@settings(max_examples=examples(400))
@given(st.data())
def test_no_deal_whatever_it_holds_costs_its_page(data):
    properties = st.fixed_dictionaries({}, optional=dict.fromkeys(DEAL_PROPERTIES, _json))
    members = dict.fromkeys(("id", "createdAt", "updatedAt", "archived"), _json)
    odd = data.draw(st.fixed_dictionaries({"properties": properties | _json}, optional=members) | _json)
    mapper = RecordMapper()

    deals = mapper.deals(mapper.identified("deals", [odd, deal("1")]))

    assert deals[-1].deal_id == "1"
    for one in deals:
        shown = views.info(one, Totals({}), [], BERLIN, Labels())
        assert orjson.loads(orjson.dumps(shown)) == shown


@given(st.lists(_json, max_size=3), _json)
def test_no_owner_or_pipeline_costs_the_others(items, stages):
    mapper = RecordMapper()
    odd = [{"id": "9", "label": stages, "displayOrder": stages, "stages": stages, "firstName": stages}]
    found = mapper.identified("pipelines", [*items, *odd, {"id": "7", "label": "Sales", "stages": []}])
    assert {one.pipeline_id: one.label for one in mapper.pipelines(found)}["7"] == "Sales"
    assert Owner("1", "Ada") in mapper.owners([*odd, {"id": "1", "firstName": "Ada"}])


# Errors of batches


def error(category, **context):
    return {"status": "error", "category": category, "context": context}


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        ({}, {}),
        ({"errors": []}, {}),
        ({"errors": [error("OBJECT_NOT_FOUND", ids=["2", "3"])]}, {}),
        ({"errors": [{"category": "OBJECT_NOT_FOUND"}]}, {}),
        ({"errors": [error("VALIDATION_ERROR", ids=["2"])]}, {"2": "VALIDATION_ERROR"}),
        ({"errors": [error("VALIDATION_ERROR", ids=[2])]}, {"2": "VALIDATION_ERROR"}),
        ({"errors": [error("VALIDATION_ERROR", id="2")]}, {"2": "VALIDATION_ERROR"}),
        ({"errors": [error("VALIDATION_ERROR", ids=["77", "1"])]}, {}),
        ({"errors": [error("OBJECT_NOT_FOUND", ids=["2"]), error("X_Y", ids=["3"])]}, {"3": "X_Y"}),
        ({"errors": [error("INTERNAL_ERROR")]}, {"2": "INTERNAL_ERROR", "3": "INTERNAL_ERROR"}),
        ({"errors": [error("OBJECT_NOT_FOUND", ids=["2"]), {"category": "LOCKED"}]}, {"3": "LOCKED"}),
        ({"errors": [None, 7]}, {"2": "unknown", "3": "unknown"}),
        ({"errors": "odd"}, {"2": "unknown", "3": "unknown"}),
        ({"numErrors": 1}, {"2": "unknown", "3": "unknown"}),
        ({"numErrors": 1, "errors": []}, {"2": "unknown", "3": "unknown"}),
        ({"errors": [{"category": "leaked token", "context": []}]}, {"2": "unknown", "3": "unknown"}),
    ],
    ids=str,
)
def test_an_error_counts_for_its_own_ids_alone(body, refused):
    assert refused_ids(body, ["1", "2", "3"], ["1"], "ids") == refused


def test_an_association_that_cannot_be_read_costs_its_record_or_nothing():
    good = {"from": {"id": "1"}, "to": [{"toObjectId": 5}, {"toObjectId": {}}, {"toObjectId": "6"}]}
    page = association_page_of(
        {
            "results": [good, {"from": {"id": "2"}, "to": "x"}, {"from": {"id": "3"}, "to": [7]}],
            "errors": [error("OBJECT_NOT_FOUND", fromObjectId=["4"]), error("LOCKED", fromObjectId=["5"])],
        },
        ["1", "2", "3", "4", "5"],
    )
    assert page.ids["1"] == ("5", "6")
    assert page.refused == {"2": "unknown", "3": "unknown", "5": "LOCKED"}


def test_an_entry_that_names_no_record_may_be_that_of_any_that_is_missing():
    page = association_page_of({"results": [{"from": None, "to": []}, {"from": {"id": "1"}, "to": []}]}, ["1", "2"])
    assert page.refused == {"2": "unknown"}


def test_a_currency_without_a_rate_is_logged_once(caplog):
    mapper = RecordMapper()
    swiss = [deal(deal_currency_code="CHF", amount_in_home_currency=None) for _ in range(3)]
    fine = [deal(deal_currency_code="EUR", amount_in_home_currency="1"), deal(deal_currency_code="SEK", amount="")]
    with caplog.at_level("WARNING"):
        assert [one.currency for one in mapper.deals(swiss + fine + swiss)] == [
            *["CHF"] * 3,
            "EUR",
            "SEK",
            *["CHF"] * 3,
        ]
    assert [record.getMessage() for record in caplog.records] == [
        "HubSpot has no exchange rate for CHF: amount_in_home_currency of such deals is null"
    ]
