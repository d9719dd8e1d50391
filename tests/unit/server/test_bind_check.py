"""An address at which nobody can listen is told at start."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from dealcache.server.start_checks import check_listening
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
