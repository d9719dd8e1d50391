from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dealcache.hubspot.signature import Signed, is_genuine

SECRET = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
URL = "https://www.example.com/webhook_uri"
NOW_MS = 1_693_657_560_000
NOW = NOW_MS / 1000

# HubSpot's own examples.
V3 = Signed(
    method="POST",
    uri=URL,
    body=b"{'example_field':'example_value'}",
    v3="K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y=",
    timestamp=str(NOW_MS),
)
V1 = Signed(
    method="POST",
    uri=URL,
    body=(
        b'[{"eventId":1,"subscriptionId":12345,"portalId":62515,"occurredAt":1564113600000,'
        b'"subscriptionType":"contact.creation","attemptNumber":0,"objectId":123,"changeSource":"CRM",'
        b'"changeFlag":"NEW","appId":54321}]'
    ),
    v1="232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de",
    version="v1",
)
V2_POST = Signed(
    method="POST",
    uri=URL,
    body=b'{"example_field":"example_value"}',
    v1="9569219f8ba981ffa6f6f16aa0f48637d35d728c7e4d93d0d52efaa512af7900",
    version="v2",
)
V2_GET = Signed(
    method="GET",
    uri=URL,
    body=b"",
    v1="eee2dddcc73c94d699f5e395f4b9d454a069a6855fbfa152e91e88823087200e",
    version="v2",
)

TWELVE = {
    "%3A": ":",
    "%2F": "/",
    "%3F": "?",
    "%40": "@",
    "%21": "!",
    "%24": "$",
    "%27": "'",
    "%28": "(",
    "%29": ")",
    "%2A": "*",
    "%2C": ",",
    "%3B": ";",
}


def signed(uri, signed_uri=None, body=b"[]", timestamp=str(NOW_MS), secret=SECRET, method="POST"):
    """A delivery to ``uri`` whose signature was made over ``signed_uri``."""
    message = (method + (uri if signed_uri is None else signed_uri)).encode() + body + timestamp.encode()
    v3 = base64.b64encode(hmac.new(secret.encode(), message, hashlib.sha256).digest()).decode()
    return Signed(method=method, uri=uri, body=body, v3=v3, timestamp=timestamp)


def test_hubspot_s_own_examples():
    assert is_genuine(V3, SECRET, NOW)
    assert is_genuine(V1, SECRET, NOW)


@pytest.mark.parametrize("delivery", [V2_POST, V2_GET])
def test_version_2_is_for_others(delivery):
    assert not is_genuine(delivery, SECRET, NOW)
    assert not is_genuine(replace(delivery, version="v1"), SECRET, NOW)


@pytest.mark.parametrize(
    "change",
    [
        {"method": "PUT"},
        {"uri": URL + "/"},
        {"uri": URL + "?"},
        {"uri": URL.replace("https", "http")},
        {"body": b"{'example_field':'example_valuE'}"},
        {"body": b""},
        {"timestamp": str(NOW_MS + 1)},
        {"timestamp": None},
        {"v3": ""},
        {"v3": "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y"},
        {"v3": "k36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y="},
    ],
    ids=str,
)
def test_version_3_covers_everything(change):
    assert not is_genuine(replace(V3, **change), SECRET, NOW)


def test_another_secret_does_not_serve():
    assert not is_genuine(V3, SECRET[:-1] + "z", NOW)
    assert not is_genuine(V1, SECRET[:-1] + "z", NOW)


def test_nothing_is_genuine_without_a_secret():
    delivery = signed(URL, secret="")
    assert not is_genuine(delivery, "", NOW)
    body_hash = hashlib.sha256(V1.body).hexdigest()
    assert not is_genuine(replace(V1, v1=body_hash), "", NOW)


@pytest.mark.parametrize(
    ("seconds_later", "genuine"), [(0, True), (299, True), (300, True), (300.001, False), (86_400, False)]
)
@pytest.mark.parametrize("direction", [1, -1])
def test_a_version_3_signature_lasts_for_five_minutes(seconds_later, genuine, direction):
    assert is_genuine(V3, SECRET, NOW + direction * seconds_later) is genuine


@pytest.mark.parametrize(
    "timestamp", ["", " ", "now", "-1", f" {NOW_MS}", f"{NOW_MS}\n", f"+{NOW_MS}", f"{NOW_MS}.0", "1_693_657_560_000"]
)
def test_a_timestamp_is_plain_digits(timestamp):
    assert not is_genuine(signed(URL, timestamp=timestamp), SECRET, NOW)


@pytest.mark.parametrize("timestamp", ["١٦٩٣٦٥٧٥٦٠٠٠٠", "9" * 5000, "²"])
def test_odd_digits_are_no_timestamp(timestamp):
    assert not is_genuine(signed(URL, timestamp=timestamp), SECRET, NOW)


def test_a_wrong_version_3_is_not_mended_by_a_good_version_1():
    assert not is_genuine(replace(V1, v3="x", timestamp=str(NOW_MS)), SECRET, NOW)
    assert not is_genuine(replace(V1, v3="", timestamp=str(NOW_MS)), SECRET, NOW)
    old = signed(URL, body=V1.body, timestamp=str(NOW_MS - 400_000))
    assert not is_genuine(replace(old, v1=V1.v1, version="v1"), SECRET, NOW)


def test_bytes_that_are_no_text_are_not_taken_for_a_question_mark():
    assert not is_genuine(replace(signed(URL + "?"), uri=URL + "\udcff"), SECRET, NOW)


def test_a_good_version_3_needs_no_version_1():
    assert is_genuine(replace(V3, v1="wrong", version="v2"), SECRET, NOW)


@pytest.mark.parametrize(
    ("version", "genuine"),
    [
        ("v1", True),
        ("V1", True),
        (" v1 ", True),
        ("v2", False),
        ("v3", False),
        ("1", False),
        ("", False),
        (None, False),
    ],
)
def test_version_1_counts_only_where_the_header_says_so(version, genuine):
    assert is_genuine(replace(V1, version=version), SECRET, NOW) is genuine


@pytest.mark.parametrize("v1", [None, "", V1.v1[:-1], V1.v1 + "0", "é" * 64])
def test_a_wrong_version_1_is_refused(v1):
    assert not is_genuine(replace(V1, v1=v1), SECRET, NOW)


def test_a_delivery_without_any_signature_is_refused():
    assert not is_genuine(Signed("POST", URL, b"[]"), SECRET, NOW)


@pytest.mark.parametrize(("encoded", "plain"), TWELVE.items())
def test_the_twelve_sequences_are_decoded_in_either_case(encoded, plain):
    for spelled in (encoded, encoded.lower()):
        delivery = signed(f"{URL}?a={spelled}b{spelled}", f"{URL}?a={plain}b{plain}")
        assert is_genuine(delivery, SECRET, NOW)
        assert not is_genuine(signed(delivery.uri, delivery.uri), SECRET, NOW)


OTHERS = [f"%{byte:02X}" for byte in range(256) if f"%{byte:02X}" not in TWELVE]


@pytest.mark.parametrize("encoded", [*OTHERS, "%253A", "%252F", "%25%32%46", "%", "%3", "%3G", "%%33A", "+", "%u003A"])
def test_nothing_else_is_decoded(encoded):
    assert is_genuine(signed(f"{URL}?a={encoded}"), SECRET, NOW)


def test_nothing_is_decoded_twice():
    assert is_genuine(signed(f"{URL}?a=%253A", f"{URL}?a=%253A"), SECRET, NOW)
    assert not is_genuine(signed(f"{URL}?a=%253A", f"{URL}?a=%3A"), SECRET, NOW)
    assert not is_genuine(signed(f"{URL}?a=%253A", f"{URL}?a=:"), SECRET, NOW)


def test_body_and_timestamp_are_not_decoded():
    assert is_genuine(signed(URL, body=b"%3A"), SECRET, NOW)


ANYTHING = st.text(st.characters(), max_size=40)


@given(ANYTHING, ANYTHING, st.binary(max_size=40), *[st.none() | ANYTHING] * 4, ANYTHING)
@example("POST", URL, b"", "ü", str(NOW_MS), "ü", "v1", "s")
@example("POST", "\udcff", b"", "\udcff", str(NOW_MS), None, None, "\udcff")
@example("POST", URL, b"", None, None, "\ud800", "v1", "s")
def test_whatever_is_sent_is_refused_without_an_error(method, uri, body, v3, timestamp, v1, version, secret):
    assert is_genuine(Signed(method, uri, body, v3, timestamp, v1, version), secret, NOW) is False


@given(
    st.sampled_from(["POST", "GET"]),
    st.lists(st.sampled_from([*TWELVE, "%20", "%25", "%C3%A9", "a", "?", "=", "&", "ü"]), max_size=20),
    st.binary(max_size=100),
    st.integers(-300_000, 300_000),
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=40),
)
def test_what_was_signed_as_hubspot_does_it_is_genuine(method, pieces, body, age, secret):
    uri = URL + "?" + "".join(pieces)
    plain = URL + "?" + "".join(TWELVE.get(piece, piece) for piece in pieces)
    delivery = signed(uri, plain, body, str(NOW_MS - age), secret, method)
    assert is_genuine(delivery, secret, NOW)
    assert not is_genuine(replace(delivery, body=body + b" "), secret, NOW)
    assert not is_genuine(delivery, secret + "x", NOW)
