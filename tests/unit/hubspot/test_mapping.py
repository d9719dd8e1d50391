from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealcache.hubspot.activities import ACTIVITY_TYPES
from dealcache.hubspot.errors import MalformedAnswer
from dealcache.hubspot.mapper import RecordMapper
from dealcache.hubspot.mapping import deal_of, event_of
from dealcache.model.deals import ENGAGEMENT_TYPES, EVENT_TYPES
from dealcache.model.labels import Owner
from dealcache.model.timestamps import EARLIEST, LATEST, parse_timestamp
from tests.unit.hubspot.records import CREATED, OWNERS, PIPELINES, deal, record


def at(*parts):
    return datetime(*parts, tzinfo=UTC)


CREATED_AT = at(2026, 1, 10, 9, 0, 0, 123_000)
UPDATED_AT = at(2026, 11, 1, 10, 11, 12, 345_000)


def test_every_activity_type_is_mapped():
    assert tuple(ACTIVITY_TYPES) == ENGAGEMENT_TYPES
    kinds = {event for kind in ACTIVITY_TYPES.values() for event in (kind.event_type, *kind.event_types.values())}
    assert kinds == set(EVENT_TYPES)


@pytest.mark.parametrize(
    ("kind", "properties", "event_type", "subject", "content"),
    [
        ("calls", {"hs_call_title": "Hello", "hs_call_body": "<p>a</p><p>b</p>"}, "Call", "Hello", "a\nb"),
        (
            "emails",
            {"hs_email_subject": "Re: x", "hs_email_text": "price < 100 & rising\nbye", "hs_email_html": "<p>no</p>"},
            "Outgoing Email",
            "Re: x",
            "price < 100 & rising\nbye",
        ),
        (
            "emails",
            {"hs_email_text": " ", "hs_email_html": "<p>yes</p>", "hs_email_direction": "INCOMING_EMAIL"},
            "Incoming Email",
            "",
            "yes",
        ),
        # Plain text is text, whatever it looks like.
        ("emails", {"hs_email_text": "see <style guide>.\n50k &amp; more"}, "Outgoing Email", "", None),
        ("emails", {"hs_email_text": "<p>a</p>", "hs_email_html": "<p>b</p>"}, "Outgoing Email", "", None),
        ("emails", {"hs_email_text": "if a<b and c>d then lose"}, "Outgoing Email", "", None),
        ("emails", {"hs_email_text": "\x00 \r\n", "hs_email_html": "a<b\n>b</b>"}, "Outgoing Email", "", "ab"),
        ("emails", {"hs_email_subject": "<b>&amp;\x07", "hs_email_html": "&amp;"}, "Outgoing Email", "<b>&amp;", "&"),
        ("emails", {"hs_email_direction": "EMAIL"}, "Outgoing Email", "", ""),
        ("emails", {"hs_email_direction": "FORWARDED_EMAIL"}, "Forwarded Email", "", ""),
        ("emails", {"hs_email_direction": "CARRIER_PIGEON"}, "Outgoing Email", "", ""),
        ("meetings", {"hs_meeting_title": "Kick-off", "hs_meeting_body": "<b>b</b>"}, "Meeting", "Kick-off", "b"),
        (
            "meetings",
            {"hs_meeting_body": "", "hs_internal_meeting_notes": "a<br>b"},
            "Meeting",
            "",
            "a\nb",
        ),
        ("notes", {"hs_note_body": "<div>n &amp; m</div>"}, "Note", "", "n & m"),
        ("tasks", {"hs_task_subject": "Do\x00 it", "hs_task_body": "<p>t"}, "Task", "Do it", "t"),
        (
            "communications",
            {"hs_communication_channel_type": "SMS", "hs_communication_body": "s"},
            "SMS",
            "",
            "s",
        ),
        ("communications", {"hs_communication_channel_type": "WHATS_APP"}, "WhatsApp", "", ""),
        ("communications", {"hs_communication_channel_type": "LINKEDIN_MESSAGE"}, "LinkedIn Message", "", ""),
        ("communications", {"hs_communication_channel_type": "CARRIER_PIGEON"}, "SMS", "", ""),
        ("postal_mail", {"hs_postal_mail_body": "<p>p</p>"}, "Postal Mail", "", "p"),
    ],
)
def test_each_type_has_its_own_fields(kind, properties, event_type, subject, content):
    event = event_of(kind, record("301", hubspot_owner_id="7", hs_timestamp=CREATED, **properties))
    shown = properties["hs_email_text"] if content is None else content
    assert (event.type, event.subject, event.content) == (event_type, subject, shown)
    assert (event.engagement_type, event.engagement_id) == (kind, "301")
    assert (event.owner_id, event.owner, event.extra) == ("7", "", {})


def test_every_body_but_the_text_of_a_mail_is_html():
    plain = {kind: of_kind.plain_text for kind, of_kind in ACTIVITY_TYPES.items() if of_kind.plain_text}
    assert plain == {"emails": {"hs_email_text"}}


@pytest.mark.parametrize(
    ("text", "kept"),
    [("x" * 10_000_000, 10_000_000), ("x" * 20_000_000, 12_000_000), ("\u6771" * 10_000_000, 4_000_000)],
    ids=["whole", "cut", "cut between characters"],
)
def test_a_text_beyond_what_mongodb_takes_is_cut(text, kept):
    event = event_of("emails", record("301", hs_email_text=text, hs_email_subject=text))
    assert event.content == text[:kept]
    assert len(event.subject.encode()) <= 1_000_000
    assert text.startswith(event.subject)


@pytest.mark.parametrize("kind", ENGAGEMENT_TYPES)
@pytest.mark.parametrize("empty", [None, "", "absent"])
def test_every_property_may_be_empty(kind, empty):
    names = ACTIVITY_TYPES[kind].properties
    event = event_of(kind, record("301", **({} if empty == "absent" else dict.fromkeys(names, empty))))
    assert event.type == ACTIVITY_TYPES[kind].event_type
    assert (event.subject, event.content, event.owner_id) == ("", "", None)
    assert event.occurred_at == CREATED_AT
    assert event.hubspot_updated_at == UPDATED_AT


@pytest.mark.parametrize(
    ("properties", "occurred_at"),
    [
        ({"hs_timestamp": "1762000000000", "hs_createdate": "1"}, at(2025, 11, 1, 12, 26, 40)),
        ({"hs_timestamp": "2026-03-01T10:00:00+02:00"}, at(2026, 3, 1, 8)),
        ({"hs_timestamp": "soon", "hs_meeting_start_time": "2026-03-02T00:00:00Z"}, at(2026, 3, 2)),
        ({"hs_timestamp": None, "hs_createdate": "2026-03-03T00:00:00Z"}, at(2026, 3, 3)),
        ({}, CREATED_AT),
    ],
)
def test_the_time_of_a_meeting(properties, occurred_at):
    assert event_of("meetings", record("1", **properties)).occurred_at == occurred_at


def test_only_meetings_have_a_time_of_their_own():
    assert event_of("calls", record("1", hs_meeting_start_time="1762000000000")).occurred_at == CREATED_AT


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-10T09:00:00.123Z", CREATED_AT),
        ("2026-01-10", at(2026, 1, 10)),
        ("2026-01-10T09:00:00", at(2026, 1, 10, 9)),
        ("1768035600123", CREATED_AT),
        (" 1768035600123 ", CREATED_AT),
        ("-1", at(1969, 12, 31, 23, 59, 59, 999_000)),
        ("1768035600123.0", CREATED_AT),
        ("999999999999999999", LATEST),
        ("1000000000000000000", LATEST),
        ("9" * 5000, LATEST),
        ("-" + "9" * 5000, EARLIEST),
        ("0001-01-01T00:00:00+14:00", EARLIEST),
        ("9999-12-31T23:59:59-14:00", LATEST),
        ("10000-01-01T00:00:00Z", LATEST),
        ("0000-01-01T00:00:00Z", EARLIEST),
        ("-0001-01-01T00:00:00Z", EARLIEST),
        ("2026-13-01", None),
        ("", None),
        ("tomorrow", None),
    ],
)
def test_moments(text, expected):
    assert parse_timestamp(text) == expected


def test_a_deal():
    mapped = deal_of(deal())
    assert (mapped.deal_id, mapped.deal_name, mapped.amount) == ("7891023", "Acme renewal", 1500.0)
    assert (mapped.owner_id, mapped.stage_id, mapped.pipeline_id) == ("910901", "contractsent", "default")
    assert (mapped.owner, mapped.stage, mapped.pipeline) == (None, None, None)
    assert mapped.create_date == CREATED_AT
    assert mapped.close_date == at(2026, 12, 7, 16, 50, 6, 678_000)
    assert mapped.hubspot_updated_at == UPDATED_AT
    assert not mapped.archived
    assert deal_of(deal() | {"archived": True}).archived


@pytest.mark.parametrize("empty", [None, ""])
def test_a_deal_of_which_nothing_is_known(empty):
    names = deal()["properties"]
    mapped = deal_of(deal(**{name: empty for name in names if name != "dealname"}, name=empty))
    assert mapped == replace(
        mapped,
        deal_name="",
        owner_id=None,
        stage_id=None,
        pipeline_id=None,
        amount=None,
        close_date=None,
        create_date=CREATED_AT,
        hubspot_updated_at=UPDATED_AT,
    )


def test_a_deal_without_properties():
    bare = {"id": 5, "createdAt": CREATED}
    assert (deal_of(bare).deal_id, deal_of(bare).hubspot_updated_at) == ("5", CREATED_AT)
    assert deal_of(bare | {"properties": None}).deal_name == ""


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        ("1500.00", 1500.0),
        ("0", 0.0),
        ("-3.5", -3.5),
        (12, 12.0),
        *((text, None) for text in ("", None, "abc", "NaN", "inf", "-Infinity", "1e999", "1_000", "1,5")),
    ],
)
def test_an_amount_is_a_number_or_none(amount, expected):
    assert deal_of(deal(amount=amount)).amount == expected


@pytest.mark.parametrize(
    ("code", "at_home", "expected", "unreadable"),
    [
        ("EUR", "1650.5", ("EUR", 1650.5), []),
        ("CHF", None, ("CHF", None), []),
        ("CHF", "", ("CHF", None), []),
        ("EUR", "abc", ("EUR", None), ["amount_in_home_currency"]),
        # Accounts without currencies have an amount at home too.
        *((none, "1500", (None, None), []) for none in (None, "", " ")),
        *(
            (odd, "9", (None, None), ["deal_currency_code"])
            for odd in ("eur", "€", "EURO", "E1R", "ÄÖÜ", "EUR\n", 7, {})
        ),
    ],
)
def test_a_currency_has_a_code_or_there_is_none(code, at_home, expected, unreadable):
    faults: list[str] = []
    mapped = deal_of(deal(deal_currency_code=code, amount_in_home_currency=at_home), faults)
    assert (mapped.currency, mapped.amount_in_home_currency) == expected
    assert faults == unreadable
    assert mapped.amount == 1500.0


@pytest.mark.parametrize("record_id", [None, "", " ", {}, [], True, 1.5, "1" * 101, "1\x002", "\ud800"], ids=repr)
def test_a_record_without_an_id_is_malformed(record_id):
    broken = {"id": record_id, "properties": {}, "createdAt": CREATED}
    with pytest.raises(MalformedAnswer):
        deal_of(broken)
    with pytest.raises(MalformedAnswer):
        event_of("notes", broken)


@pytest.mark.parametrize("created", [None, "soon", {}])
def test_an_activity_without_any_time_is_malformed_and_a_deal_is_an_old_one(created):
    with pytest.raises(MalformedAnswer):
        event_of("notes", {"id": "1", "properties": {}, "createdAt": created})
    assert deal_of({"id": "1", "properties": {}, "createdAt": created}).hubspot_updated_at == at(1970, 1, 1)


_values = st.none() | st.text(max_size=10) | st.integers() | st.floats() | st.booleans() | st.just({}) | st.just([])


@given(st.sampled_from(ENGAGEMENT_TYPES), st.data())
def test_whatever_comes_is_an_event_or_malformed(kind, data):
    names = st.sampled_from(ACTIVITY_TYPES[kind].properties)
    raw = data.draw(
        st.fixed_dictionaries(
            {},
            optional={
                "id": _values,
                "createdAt": _values | st.just(CREATED),
                "updatedAt": _values,
                "properties": st.dictionaries(names, _values),
            },
        )
    )
    try:
        event = event_of(kind, raw)
    except MalformedAnswer:
        return
    assert event.type in EVENT_TYPES
    assert event.occurred_at.utcoffset().total_seconds() == 0


def test_owners_are_called_by_name_else_by_address_else_not_at_all():
    found = RecordMapper().owners([*OWNERS, {"id": 3}, {"id": "4", "firstName": " Grace ", "email": "g@example.com"}])
    assert found == (
        Owner("910901", "Ada Byron"),
        Owner("2", "b@example.com", archived=True),
        Owner("3", None),
        Owner("4", "Grace"),
    )


def test_pipelines_and_stages_come_in_display_order():
    (pipeline,) = RecordMapper().pipelines(PIPELINES)
    assert (pipeline.pipeline_id, pipeline.label) == ("default", "Sales Pipeline")
    assert [stage.label for stage in pipeline.stages] == ["Appointment Scheduled", "Contract Sent", "Closed Won"]
    assert [stage.probability for stage in pipeline.stages] == [0.2, 0.9, 1.0]
    assert [stage.closed_won for stage in pipeline.stages] == [False, False, True]
    second, first = {"id": "b", "displayOrder": 2}, {"id": 7, "displayOrder": 1}
    assert [one.pipeline_id for one in RecordMapper().pipelines([second, first])] == ["7", "b"]


def test_a_stage_of_which_little_is_known():
    (pipeline,) = RecordMapper().pipelines(
        [{"id": "p", "stages": [{"id": "s", "metadata": {"probability": "?"}}, {"id": "t"}]}]
    )
    assert [(stage.probability, stage.is_closed) for stage in pipeline.stages] == [(None, False), (None, False)]


@pytest.mark.parametrize("odd", [{}, {"id": "q", "stages": 7}, {"id": "q", "stages": [{}], "label": []}, None], ids=str)
def test_an_odd_pipeline_breaks_no_other(odd):
    mapper = RecordMapper()
    found = {one.pipeline_id: one for one in mapper.pipelines(mapper.identified("pipelines", [odd, *PIPELINES]))}
    assert found["default"] == mapper.pipelines(PIPELINES)[0]
    assert "q" not in found or found["q"].stages == ()


@pytest.mark.parametrize(
    ("value", "merged_ids"),
    [
        (None, ()),
        ("", ()),
        (";", ()),
        ("12", ("12",)),
        (12, ("12",)),
        ("12;34", ("12", "34")),
        (" 12 ;; 34;", ("12", "34")),
        ("34;12;34", ("34", "12")),
        ("12;7891023", ("12",)),
        ("7891023", ()),
    ],
)
def test_the_ids_of_merged_deals(value, merged_ids):
    assert deal_of(deal(hs_merged_object_ids=value)).merged_ids == merged_ids


def test_a_deal_without_the_property_has_no_merged_ids():
    assert deal_of(deal()).merged_ids == ()


def test_merged_ids_of_another_shape_are_none():
    assert deal_of(deal(hs_merged_object_ids=["12"])).merged_ids == ()
