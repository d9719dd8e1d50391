"""What gunicorn would refuse is told in one line."""

from __future__ import annotations

import pytest

from dealcache.server.start_checks import check_arguments
from dealcache.settings import SettingsError


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
