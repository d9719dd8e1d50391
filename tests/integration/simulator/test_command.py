"""``python -m dealcache.simulator`` as other processes use it."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys

import pytest
import requests


def start(*options):
    return subprocess.Popen(
        [sys.executable, "-m", "dealcache.simulator", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serves_until_a_signal(number):
    with start("--port", "0", "--deals", "5", "--token", "mine", "--limits", "off") as process:
        line = process.stdout.readline()
        prefix, _, base_url = line.strip().rpartition(" ")
        answer = requests.get(f"{base_url}/crm/v3/objects/deals", headers={"Authorization": "Bearer mine"}, timeout=5)
        process.send_signal(number)
        rest, errors = process.communicate(timeout=10)

    assert prefix == "simulator listening on"
    assert len(answer.json()["results"]) == 5
    assert (process.returncode, rest, errors) == (0, "", "")


def test_a_taken_port_is_said_in_one_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with start("--port", port, "--deals", "0") as process:
            output, errors = process.communicate(timeout=10)

    assert (process.returncode, output) == (1, "")
    assert f"cannot listen on 127.0.0.1:{port}" in errors
    assert errors.count("\n") == 1
