from __future__ import annotations

from unittest.mock import ANY

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealcache.hubspot.answers import Answer, interpret
from dealcache.hubspot.errors import (
    Forbidden,
    HubSpotError,
    MalformedAnswer,
    NotFound,
    RateLimited,
    Rejected,
    Unauthorised,
    Unavailable,
)
from dealcache.hubspot.limits.buckets import Bucket

CORRELATION_ID = "8a3f6c3a-8296-4002-b0a6-2a06fecf7c0c"


def judge(status, body=b"", headers=None, bucket=Bucket.APP):
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return interpret(Answer(status, headers or {}, raw), "deals_search", bucket)


@pytest.mark.parametrize("status", [200, 201, 207])
def test_a_good_answer_is_its_json(status):
    assert judge(status, {"results": []}) == {"results": []}


def test_a_good_status_without_a_body_is_an_answer_cut_short():
    with pytest.raises(Unavailable) as caught:
        judge(200, b"")
    assert caught.value.status is None


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b'"x"', b"null", b'{"a":1', b"[" * 100_000])
def test_a_good_status_with_another_body_is_malformed(body):
    with pytest.raises(MalformedAnswer):
        judge(200, body)


def test_broken_characters_do_not_make_an_answer_unreadable():
    assert judge(200, rb'{"a": "x\ud83d"}') == {"a": "x?"}
    assert judge(200, b'{"a": "x\xff"}') == {"a": "x\ufffd"}


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (b"NaN", None),
        (b"-Infinity", None),
        (b"1e400", None),
        (b"9" * 5000, None),
        (b"[" * 3000 + b"]" * 3000, ANY),
        (b'{"a":' * 3000 + b"1" + b"}" * 3000, ANY),
        (b'"[[[ \\" {{{"', '[[[ " {{{'),
        (b'"a\tb\x01"', "a\tb\x01"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_one_odd_value_makes_no_other_unreadable(value, read):
    body = b'{"results":[{"id":"1","properties":{"a":%b}},{"id":"2","b":"\\ud83d"}]}' % value
    assert judge(200, body) == {"results": [{"id": "1", "properties": {"a": read}}, {"id": "2", "b": "?"}]}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, MalformedAnswer),
        (302, MalformedAnswer),
        (400, Rejected),
        (401, Unauthorised),
        (403, Forbidden),
        (404, NotFound),
        (409, Rejected),
        (414, Rejected),
        (423, Unavailable),
        (429, RateLimited),
        (477, RateLimited),
        *((status, Unavailable) for status in (500, 502, 503, 504, 521, 523, 524, 530)),
    ],
)
@pytest.mark.parametrize(
    "body", [b"", b"<html>oops</html>", b"{}", b"[]", b'{"errors":[1],"category":7,"context":"x"}']
)
def test_the_status_says_which_error_it_is(status, kind, body):
    with pytest.raises(HubSpotError) as caught:
        judge(status, body)
    assert type(caught.value) is kind
    assert caught.value.status == status
    assert caught.value.endpoint == "deals_search"
    assert "\n" not in str(caught.value)
    assert "oops" not in str(caught.value)


def test_the_envelope_s_category_and_correlation_id_are_told():
    with pytest.raises(Rejected) as caught:
        judge(400, {"category": "VALIDATION_ERROR", "correlationId": CORRELATION_ID, "message": "secret stuff"})
    assert (caught.value.category, caught.value.correlation_id) == ("VALIDATION_ERROR", CORRELATION_ID)
    assert "VALIDATION_ERROR" in str(caught.value)
    assert CORRELATION_ID in str(caught.value)
    assert "secret" not in str(caught.value)


def test_the_correlation_id_of_the_header_serves_too():
    with pytest.raises(Unavailable) as caught:
        judge(502, b"<html>", {"x-hubspot-correlation-id": CORRELATION_ID})
    assert caught.value.correlation_id == CORRELATION_ID


def test_what_does_not_look_like_an_id_or_a_category_is_not_repeated():
    with pytest.raises(Rejected) as caught:
        judge(400, {"category": "pat-na1-abc", "correlationId": "Bearer pat-na1-abc"})
    assert "pat" not in str(caught.value)


def test_missing_scopes_are_named():
    error = {"context": {"requiredGranularScopes": ["crm.objects.deals.read", "sales-email-read", 7, "a b\nc"]}}
    with pytest.raises(Forbidden) as caught:
        judge(403, {"category": "MISSING_SCOPES", "errors": [error, error]})
    assert caught.value.scopes == ("crm.objects.deals.read", "sales-email-read")
    assert "sales-email-read" in str(caught.value)


@pytest.mark.parametrize(("bucket", "wait"), [(Bucket.SEARCH, 1.0), (Bucket.APP, 10.0), (Bucket.ASSOCIATIONS, 10.0)])
def test_a_429_without_a_wait_means_one_period(bucket, wait):
    with pytest.raises(RateLimited) as caught:
        judge(429, {"policyName": "TEN_SECONDLY_ROLLING"}, bucket=bucket)
    assert (caught.value.retry_after, caught.value.daily) == (wait, False)


@pytest.mark.parametrize(("header", "wait"), [("7", 7.0), ("0.5", 0.5), ("soon", 10.0), ("", 10.0), ("-4", 10.0)])
def test_retry_after_is_honoured_when_it_is_a_number(header, wait):
    with pytest.raises(RateLimited) as caught:
        judge(429, b"", {"retry-after": header})
    assert caught.value.retry_after == wait


@pytest.mark.parametrize("body", [{"policyName": "DAILY"}, {"message": "You have reached your daily limit."}])
def test_the_limit_of_the_day_is_told_apart(body):
    with pytest.raises(RateLimited) as caught:
        judge(429, body)
    assert caught.value.daily
    assert caught.value.retry_after >= 3600


def test_a_moving_account_says_for_how_long():
    with pytest.raises(RateLimited) as caught:
        judge(477, b"", {"retry-after": "86400"})
    assert caught.value.retry_after == 86400.0


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["category", "errors", "context", "requiredGranularScopes", "message", "correlationId"]),
            inner,
            max_size=4,
        )
    ),
)


@given(st.integers(100, 599), _json)
def test_whatever_comes_is_an_object_or_a_typed_error(status, body):
    try:
        assert isinstance(judge(status, body), dict)
    except HubSpotError as failure:
        lines = str(failure).splitlines()
    else:
        lines = ["a good answer"]
    assert len(lines) == 1
