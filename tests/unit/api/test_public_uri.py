"""The URI that a request was sent to."""

from __future__ import annotations

import pytest

from dealcache.api.webhook_guard import public_uri
from dealcache.setting_values import networks

LOCAL = networks("127.0.0.1,::1")
REQUEST = {
    "wsgi.url_scheme": "http",
    "HTTP_HOST": "inside:8000",
    "SERVER_NAME": "127.0.0.1",
    "REMOTE_ADDR": "127.0.0.1",
    "PATH_INFO": "/api/hubspot/webhooks",
    "QUERY_STRING": "",
    "RAW_URI": "/api/hubspot/webhooks",
}
FORWARDED = {"HTTP_X_FORWARDED_PROTO": "https", "HTTP_X_FORWARDED_HOST": "deals.example.com"}
OUTSIDE = "https://deals.example.com/api/hubspot/webhooks"
INSIDE = "http://inside:8000/api/hubspot/webhooks"


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "10.1.2.3", ""])
def test_a_trusted_proxy_is_believed(peer):
    trusted = networks("127.0.0.1, ::1, 10.0.0.0/8")
    assert public_uri(REQUEST | FORWARDED | {"REMOTE_ADDR": peer}, None, trusted) == OUTSIDE


@pytest.mark.parametrize("peer", ["192.0.2.1", "::2", "127.0.0.2", "unknown"])
def test_nobody_else_is(peer):
    assert public_uri(REQUEST | FORWARDED | {"REMOTE_ADDR": peer}, None, LOCAL) == INSIDE
    assert public_uri(REQUEST | FORWARDED | {"REMOTE_ADDR": "127.0.0.1"}, None, ()) == INSIDE


def test_all_may_be_trusted():
    assert public_uri(REQUEST | FORWARDED | {"REMOTE_ADDR": "2001:db8::1"}, None, networks("*")) == OUTSIDE


def test_the_first_of_a_chain_of_proxies_knows():
    chain = {"HTTP_X_FORWARDED_PROTO": "https, http", "HTTP_X_FORWARDED_HOST": "deals.example.com,inside"}
    assert public_uri(REQUEST | chain, None, LOCAL) == OUTSIDE


def test_a_proxy_may_tell_one_of_both_or_nonsense():
    assert public_uri(REQUEST | {"HTTP_X_FORWARDED_PROTO": "https"}, None, LOCAL).startswith("https://inside:8000/")
    assert public_uri(REQUEST | {"HTTP_X_FORWARDED_PROTO": "gopher"}, None, LOCAL) == INSIDE
    assert public_uri(REQUEST, None, LOCAL) == INSIDE


def test_what_is_configured_goes_before_everything():
    environ = REQUEST | {"HTTP_X_FORWARDED_HOST": "evil.example.com"}
    assert public_uri(environ, "https://deals.example.com", LOCAL) == OUTSIDE
    prefixed = public_uri(environ, "https://deals.example.com/cache", LOCAL)
    assert prefixed == "https://deals.example.com/cache/api/hubspot/webhooks"


@pytest.mark.parametrize(
    ("raw", "target"),
    [
        ("/a%2Fb%3a?x=%3F&y=a+b%20", "/a%2Fb%3a?x=%3F&y=a+b%20"),
        ("/a?next=http://b/c", "/a?next=http://b/c"),
        ("http://inside:8000/a?x=1", "/a?x=1"),
        ("HTTPS://inside?x=1", "/?x=1"),
    ],
)
def test_path_and_query_stay_as_they_were_sent(raw, target):
    assert public_uri(REQUEST | {"RAW_URI": raw}, "https://x.example", LOCAL) == f"https://x.example{target}"


def test_a_server_that_does_not_tell_the_target_gives_it_decoded():
    environ = {name: value for name, value in REQUEST.items() if name != "RAW_URI"}
    decoded = environ | {"PATH_INFO": "/ü b".encode().decode("latin-1"), "QUERY_STRING": "x=%3F"}
    assert public_uri(decoded, "https://x.example", LOCAL) == "https://x.example/%C3%BC%20b?x=%3F"
