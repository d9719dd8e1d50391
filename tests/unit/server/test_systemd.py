"""The sockets that systemd passes to the service, and the service's reports to it."""

from __future__ import annotations

import os
import re
import socket
from types import SimpleNamespace

import pytest

from dealcache.server.systemd import check_bind, passed_sockets, postpone_ready, report_ready
from dealcache.settings import SettingsError


@pytest.mark.parametrize(
    ("environ", "passed"),
    [
        ({}, []),
        ({"LISTEN_PID": "7", "LISTEN_FDS": "2"}, [3, 4]),
        ({"LISTEN_PID": "8", "LISTEN_FDS": "2"}, []),  # meant for the process that started this one
    ],
)
def test_sockets_are_those_passed_to_this_process(environ, passed):
    assert list(passed_sockets(environ, pid=7)) == passed


@pytest.mark.parametrize("host", ["127.0.0.1", "unix"])
def test_bind_must_be_where_the_passed_socket_listens(tmp_path, host):
    with socket.socket(socket.AF_UNIX if host == "unix" else socket.AF_INET) as listener:
        listener.bind(str(tmp_path / "socket") if host == "unix" else (host, 0))
        listener.listen()
        bind = f"unix:{tmp_path}/socket" if host == "unix" else f"{host}:{listener.getsockname()[1]}"
        check_bind(bind, [listener.fileno()])
        with pytest.raises(SettingsError, match=re.escape(f"BIND holds '0.0.0.0:80', but systemd listens on {bind};")):
            check_bind("0.0.0.0:80", [listener.fileno()])
        assert listener.getsockname()  # it is still open


def test_any_bind_will_do_without_passed_sockets():
    check_bind("127.0.0.1:8000", [])


def test_the_master_leaves_the_report_to_a_worker(tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        arbiter = SimpleNamespace()
        postpone_ready(arbiter)
        assert "NOTIFY_SOCKET" not in os.environ  # so gunicorn reports nothing
        report_ready(arbiter.notify_socket)
        assert b"READY=1" in systemd.recv(4096).split(b"\n")
        assert "NOTIFY_SOCKET" not in os.environ


def test_nothing_is_reported_without_systemd(monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    arbiter = SimpleNamespace()
    postpone_ready(arbiter)
    report_ready(arbiter.notify_socket)
    assert "NOTIFY_SOCKET" not in os.environ
