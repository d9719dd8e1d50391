"""The announcement is printed, and contains no secret."""

from __future__ import annotations

import pytest

from dealcache.sandbox.embedded.addresses import address_of
from dealcache.sandbox.embedded.announcement import announcement, hubspot_line, without_credentials


@pytest.mark.parametrize(
    ("bind", "address"),
    [
        ("127.0.0.1:8000", ("127.0.0.1", 8000)),
        ("0.0.0.0:80", ("127.0.0.1", 80)),
        (":8000", ("127.0.0.1", 8000)),
        ("[::]:8000", ("::1", 8000)),
        ("cache.example.com:1", ("cache.example.com", 1)),
        ("unix:/run/dealcache.sock", None),
    ],
)
def test_a_server_is_reached_where_it_listens(bind: str, address: tuple[str, int] | None) -> None:
    assert address_of(bind) == address


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("mongodb://127.0.0.1:27017/", "mongodb://127.0.0.1:27017/"),
        ("mongodb://ada:secret@h1:1,h2:2/db?authSource=admin", "mongodb://***@h1:1,h2:2/db"),
        (
            "mongodb+srv://ada:sec@re?t/@h.example.com/?tlsCertificateKeyFilePassword=secret",
            "mongodb+srv://***@h.example.com/",
        ),
    ],
)
def test_credentials_are_masked(uri: str, shown: str) -> None:
    assert without_credentials(uri) == shown


def test_the_examples_can_be_pasted() -> None:
    text = announcement("0.0.0.0:8001", "a simulator", "a mongod", {})
    assert "curl 'http://127.0.0.1:8001/api/hubspot/deal-timeline?dealName=Acme%20renewal'" in text
    assert text.count("curl") == 3
    assert "a simulator" in text
    assert "a mongod" in text


def test_the_console_comes_first_unless_it_is_off() -> None:
    first = announcement("[::]:8001", "h", "m", {}).splitlines()[0]
    assert first == "Open http://[::1]:8001/console/ in a browser."
    assert "/console/" not in announcement("127.0.0.1:8001", "h", "m", {"CONSOLE": "OFF"})


def test_a_token_is_named_and_not_shown() -> None:
    text = announcement("127.0.0.1:8000", "h", "m", {"API_TOKEN": "s3cret"})
    assert "Bearer $API_TOKEN" in text
    assert "s3cret" not in text


def test_a_socket_has_no_urls() -> None:
    assert "curl" not in announcement("unix:/run/x.sock", "h", "m", {})


def test_which_hubspot() -> None:
    assert hubspot_line({}, simulated=False) == "https://api.hubapi.com"
    line = hubspot_line({"HUBSPOT_BASE_URL": "http://ada:secret@localhost:9"}, simulated=True)
    assert "simulator at http://localhost:9," in line
    assert "secret" not in line
