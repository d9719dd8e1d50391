"""Signatures of webhooks, against vectors that were computed apart from this code."""

import pytest

from dealcache.sandbox.simulator.webhook_signatures import signature_headers

SECRET = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
URL = "https://www.example.com/webhook_uri"
STAMP = 1_693_657_560_000
V3 = "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y="
V1_BODY = (
    b'[{"eventId":1,"subscriptionId":12345,"portalId":62515,"occurredAt":1564113600000,'
    b'"subscriptionType":"contact.creation","attemptNumber":0,"objectId":123,"changeSource":"CRM",'
    b'"changeFlag":"NEW","appId":54321}]'
)


def test_v3():
    headers = signature_headers("v3", SECRET, URL, b"{'example_field':'example_value'}", STAMP)

    assert headers == {"X-HubSpot-Signature-v3": V3, "X-HubSpot-Request-Timestamp": str(STAMP)}


def test_v1():
    headers = signature_headers("v1", SECRET, URL, V1_BODY, STAMP)

    assert headers == {
        "X-HubSpot-Signature": "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de",
        "X-HubSpot-Signature-Version": "v1",
    }


def test_both():
    assert signature_headers("both", SECRET, URL, b"x", STAMP) == {
        **signature_headers("v1", SECRET, URL, b"x", STAMP),
        **signature_headers("v3", SECRET, URL, b"x", STAMP),
    }


@pytest.mark.parametrize(
    ("sent", "signed"),
    [
        ("%3A%2F%3F%40%21%24%27%28%29%2A%2C%3B", ":/?@!$'()*,;"),
        ("%3a%2f", ":/"),
        ("%20%26%3D%25%E6%9D%B1%2B", "%20%26%3D%25%E6%9D%B1%2B"),
        ("%253A", "%253A"),
    ],
)
def test_twelve_characters_of_the_uri_are_decoded_and_no_other(sent, signed):
    encoded, plain = (signature_headers("v3", SECRET, f"{URL}?a={text}", b"", STAMP) for text in (sent, signed))

    assert encoded == plain
    assert encoded != signature_headers("v3", SECRET, f"{URL}?a=", b"", STAMP)
