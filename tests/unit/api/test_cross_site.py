"""Requests that only a page of another site can have made, without a token."""

from __future__ import annotations

import pytest

from dealcache.api.cross_site import Cors, CrossSiteGuard

UI = "https://ui.example.com"
PUBLIC = "https://deals.example.com/crm"


def guard(
    bind: str = "127.0.0.1:8000", public_url: str | None = None, *origins: str, tokens: bool = False
) -> CrossSiteGuard:
    return CrossSiteGuard(bind, public_url, Cors(frozenset(origins)), tokens=tokens)


def environ(
    method: str, host: str | None, origin: str | None = None, forwarded_host: str | None = None
) -> dict[str, str]:
    fields = {"HTTP_HOST": host, "HTTP_ORIGIN": origin, "HTTP_X_FORWARDED_HOST": forwarded_host}
    return {"REQUEST_METHOD": method, **{name: text for name, text in fields.items() if text is not None}}


def status(made: CrossSiteGuard, method: str, host: str | None, origin: str | None = None, **more: str) -> int | None:
    problem = made.refusal(environ(method, host, origin, **more))
    return None if problem is None else problem.status


@pytest.mark.parametrize(
    "host",
    ["localhost", "LocalHost:8000", "127.0.0.1:8000", "127.9.8.7", "[::1]:8000", "a.localhost", "localhost.", None, ""],
)
def test_loopback_names_are_answered_to(host: str | None) -> None:
    assert status(guard(), "GET", host) is None


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8000",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "xlocalhost",
        "evil@localhost",
        "localhost/x",
        "a b",
        "x:y:z",
        "10.0.0.1:8000",
        "[2001:db8::1]",
        "0.0.0.0:8000",
        "localhost:8000, evil.example",
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST"])
def test_other_names_are_misdirected_on_a_loopback_address(host: str, method: str) -> None:
    assert status(guard(), method, host) == 421
    problem = guard().refusal(environ(method, host))
    assert problem is not None
    assert "PUBLIC_URL" in problem.detail


@pytest.mark.parametrize(
    "bind", ["0.0.0.0:8000", "10.1.2.3:80", "[::]:8000", "unix:/run/dealcache.sock", "deals.internal:80"]
)
def test_who_binds_elsewhere_is_called_by_any_name(bind: str) -> None:
    assert status(guard(bind), "GET", "evil.example") is None


@pytest.mark.parametrize("bind", ["127.0.0.1:8000", "localhost:8000", "[::1]:8000", "127.0.0.2:1"])
def test_names_that_were_configured_are_its_own(bind: str) -> None:
    made = guard(bind, PUBLIC, UI, "http://other.example:8443")
    for host in ("deals.example.com", "DEALS.example.com:443", "ui.example.com", "other.example", "localhost:8000"):
        assert status(made, "GET", host) is None
    assert status(made, "GET", "evil.example") == 421


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "",
        "http://127.0.0.1:3000",
        "http://localhost:8001",
        "file://",
        "https://127.0.0.1:8000.evil.example",
        "http://[::1",
        "x",
    ],
)
@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT", "PATCH", "FOO"])
def test_pages_of_elsewhere_change_nothing(origin: str, method: str) -> None:
    assert status(guard(), method, "127.0.0.1:8000", origin) == 403
    assert status(guard("0.0.0.0:8000"), method, "deals.internal:8000", origin) == 403
    assert status(guard("unix:/run/x"), method, "deals.internal", origin) == 403


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_what_changes_nothing_is_for_every_page(method: str) -> None:
    assert status(guard(), method, "127.0.0.1:8000", "https://evil.example") is None


def test_its_own_pages_may() -> None:
    assert status(guard(), "POST", "127.0.0.1:8000", "http://127.0.0.1:8000") is None
    assert status(guard(), "POST", "127.0.0.1:8000") is None  # no browser: a program sends no Origin
    assert status(guard("unix:/run/x"), "POST", "deals.example.com", "https://deals.example.com") is None
    assert status(guard("127.0.0.1:80", PUBLIC), "POST", "127.0.0.1", "https://deals.example.com") is None
    assert status(guard("127.0.0.1:80", None, UI), "DELETE", "127.0.0.1", UI) is None
    assert status(guard("127.0.0.1:80", None, "*"), "DELETE", "any.example", "https://evil.example") is None
    behind = guard("unix:/run/x")
    assert status(behind, "POST", "upstream", "https://d.example", forwarded_host="d.example, inner") is None
    assert status(behind, "POST", "upstream", "https://d.example") == 403


def test_a_token_is_enough() -> None:
    made = guard(tokens=True)
    assert status(made, "GET", "evil.example") is None
    assert status(made, "DELETE", "evil.example", "https://evil.example") is None
