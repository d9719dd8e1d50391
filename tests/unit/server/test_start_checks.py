"""An address at which nobody can listen, and what gunicorn would refuse, are told at start in one line."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from dealcache.server.start_checks import check_arguments, check_listening
from dealcache.settings import SettingsError


def test_an_address_that_another_server_uses_will_do():
    with socket.create_server(("127.0.0.1", 0)) as server:
        check_listening(f"127.0.0.1:{server.getsockname()[1]}")


def test_checking_leaves_the_address_free(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    check_listening(f"127.0.0.1:{port}")
    check_listening(f"[::1]:{port}")
    socket.create_server(("127.0.0.1", port)).close()
    check_listening(f"unix:{tmp_path}/http.sock")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("bind", "reason"),
    [
        ("203.0.113.1:80", "Cannot assign requested address"),
        ("[2001:db8::1]:80", "Cannot assign requested address"),
        (f"{'a' * 70}.example:80", "Name or service not known"),
        ("unix:/none/http.sock", "No such file or directory"),
        ("unix:/etc/hostname/http.sock", "Not a directory"),
        ("unix:/etc/hostname", "File exists"),
        ("unix:/tmp", "File exists"),
        (f"unix:/tmp/{'ü' * 52}", "File name too long"),
    ],
)
def test_an_address_of_no_use_is_told_with_the_reason(bind: str, reason: str):
    with pytest.raises(SettingsError, match=reason) as told:
        check_listening(bind)
    assert str(told.value).startswith(f"BIND holds {bind!r}: ")


@pytest.mark.parametrize("given", [None, "", "--pid /tmp/pid --keep-alive 5"])
def test_what_gunicorn_accepts(given, monkeypatch):
    monkeypatch.delenv("GUNICORN_CMD_ARGS", raising=False)
    if given is not None:
        monkeypatch.setenv("GUNICORN_CMD_ARGS", given)
    check_arguments()


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("--nonsense", "unrecognized arguments: --nonsense"),
        ("--keep-alive soon", "argument --keep-alive: invalid int value: 'soon'"),
        ("--forwarded-allow-ips nobody", "'nobody' does not appear to be an IPv4 or IPv6 network"),
        ("--umask 'x", "No closing quotation"),
        ("--user nobody-of-that-name", "No such user: 'nobody-of-that-name'"),
        ("--chdir /none", "can't chdir to '/none'"),
    ],
)
def test_what_gunicorn_refuses(given, reason, monkeypatch, capsys):
    monkeypatch.setenv("GUNICORN_CMD_ARGS", given)
    with pytest.raises(SettingsError) as told:
        check_arguments()
    assert str(told.value) == f"GUNICORN_CMD_ARGS holds {given!r}; it may hold options of gunicorn: {reason}"
    assert capsys.readouterr() == ("", "")
