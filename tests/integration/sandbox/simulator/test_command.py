"""``python -m dealcache.sandbox.simulator`` as other processes use it."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys

import pytest
import requests


def start(*options):
    return subprocess.Popen(
        [sys.executable, "-m", "dealcache.sandbox.simulator", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serves_until_a_signal(number):
    with start("--port", "0", "--deals", "5", "--token", "mine", "--limits", "off") as process:
        line = process.stdout.readline()
        prefix, _, base_url = line.strip().rpartition(" ")
        answer = requests.get(f"{base_url}/crm/v3/objects/deals", headers={"Authorization": "Bearer mine"}, timeout=60)
        process.send_signal(number)
        rest, errors = process.communicate(timeout=60)

    assert prefix == "simulator listening on"
    assert len(answer.json()["results"]) == 5
    assert (process.returncode, rest, errors) == (0, "", "")


def test_a_big_account_that_tells_of_its_changes():
    with socket.create_server(("127.0.0.1", 0)) as receiver:
        receiver.settimeout(60)
        url = f"http://127.0.0.1:{receiver.getsockname()[1]}/hook"
        options = ("--port", "0", "--deals", "40", "--activities-per-deal", "3", "--unassociated", "0.1")
        with start(*options, "--webhook-url", url, "--webhook-secret", "mine") as process:
            base_url = process.stdout.readline().strip().rpartition(" ")[2]
            truth = requests.get(f"{base_url}/_simulator/truth", timeout=60).json()
            change = {"do": "add_deal", "name": "new"}
            requests.post(f"{base_url}/_simulator/changes", json=[change], timeout=60)
            connection, _ = receiver.accept()
            with connection:
                head = connection.recv(65_536)
                connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=60)

    assert len(truth["deals"]) == 40
    assert sum(not deal["activities"] for deal in truth["deals"]) > 1
    assert head.startswith(b"POST /hook HTTP/1.1")
    assert b"X-HubSpot-Signature-v3: " in head
    assert (process.returncode, errors) == (0, "")


def test_a_taken_port_is_said_in_one_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with start("--port", port, "--deals", "0") as process:
            output, errors = process.communicate(timeout=60)

    assert (process.returncode, output) == (1, "")
    assert f"cannot listen on 127.0.0.1:{port}" in errors
    assert errors.count("\n") == 1
