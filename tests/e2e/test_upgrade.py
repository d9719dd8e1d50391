"""A new master takes over from an old one (SIGUSR2), and no request fails."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from pathlib import Path

import pytest

from tests.e2e.programs import GUNICORN, SERVE, Gunicorn, StartService
from tests.waiting import until

SCRIPT = (str(Path(sys.executable).with_name("gunicorn")), *GUNICORN[3:])
ASK = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


class Asker(threading.Thread):
    """Asks over a connection of its own each time, and keeps what went wrong."""

    def __init__(self, address: tuple[str, int] | str) -> None:
        super().__init__(daemon=True)
        self._address = address
        self.stopping = threading.Event()
        self.answers = 0
        self.failures: list[str] = []

    def run(self) -> None:
        while not self.stopping.wait(0.005):
            try:
                self._ask()
            except OSError as error:
                self.failures.append(repr(error))

    def _ask(self) -> None:
        family = socket.AF_UNIX if isinstance(self._address, str) else socket.AF_INET
        with socket.socket(family) as connection:
            connection.settimeout(60)
            connection.connect(self._address)
            connection.sendall(ASK)
            answer = b""
            while chunk := connection.recv(65_536):
                answer += chunk
        if answer.startswith(b"HTTP/1.1 200 OK\r\n"):
            self.answers += 1
        else:
            self.failures.append(repr(answer[:100]))


def children_of(pid: int) -> list[int]:
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def replace(service: Gunicorn, pidfile: Path, asker: Asker) -> int:
    """Have another master take over; its process id."""
    service.process.send_signal(signal.SIGUSR2)
    new = int(until(lambda: (file := pidfile.with_name("pid.2")).exists() and file.read_text()))
    until(lambda: children_of(new))
    before = asker.answers
    until(lambda: asker.answers > before + 20)
    service.process.send_signal(signal.SIGTERM)
    assert service.ended() == 0
    before = asker.answers
    until(lambda: asker.answers > before + 20)
    return new


@pytest.mark.parametrize(
    ("command", "unix"),
    [
        pytest.param(GUNICORN, False, id="python -m gunicorn"),
        pytest.param(SCRIPT, False, id="gunicorn", marks=pytest.mark.long),
        pytest.param(SERVE, False, id="dealcache serve", marks=pytest.mark.long),
        pytest.param((sys.executable, "-X", "utf8", *GUNICORN[1:]), True, id="Unix socket", marks=pytest.mark.long),
    ],
)
def test_another_master_takes_over_and_no_request_fails(
    start_service: StartService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], unix: bool
) -> None:
    path = str(tmp_path / "socket")
    monkeypatch.setattr("tests.e2e.programs.GUNICORN", command)
    if unix:
        monkeypatch.setattr(Gunicorn, "_answers", lambda _service: Path(path).exists())
    binding = {"BIND": f"unix:{path}"} if unix else {}
    service = start_service(GUNICORN_CMD_ARGS=f"--pid {tmp_path / 'pid'}", **binding)
    asker = Asker(path if unix else ("127.0.0.1", service.port))
    asker.start()
    until(lambda: asker.answers)
    asker.failures.clear()
    new = replace(service, tmp_path / "pid", asker)
    try:
        assert asker.failures == []
    finally:
        asker.stopping.set()
        asker.join()
        os.kill(new, signal.SIGTERM)
        until(lambda: ended(new))
