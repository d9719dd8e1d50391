"""``flask sync`` and ``flask jobs``, as an operator runs them."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
from typing import Any

import pytest
from pymongo import MongoClient

from tests.e2e.conftest import WIDE_DEALS, WIDE_NOTES
from tests.e2e.programs import FLASK, ROOT, FlaskCommand, HubSpot, RunFlask, signal_and_wait
from tests.freezing import frozen
from tests.waiting import until

#: Many services are started, or one for long: for `make test-long`.
pytestmark = pytest.mark.long

#: Pages of deals that are read before :func:`hold_back` begins: those of the first checkpoint.
PAGES_BEFORE = 10
JOB_ID = re.compile(r"\b[0-9a-f]{32}\b")
BAR = "━"


def hold_back(hubspot: HubSpot) -> None:
    """Let a full load come so far, and then only step by step, of which there are five."""
    hubspot.steer("POST", "faults", match="list", delay=2.0, skip=PAGES_BEFORE)


def stored_job(command: FlaskCommand) -> dict[str, Any] | None:
    """The newest job in the database of a command."""
    with MongoClient[dict[str, Any]](command.environ["MONGODB_URI"]) as client:
        return client[command.environ["MONGODB_DATABASE"]].sync_jobs.find_one(sort=[("created_at", -1)])


def held_back(command: FlaskCommand, hubspot: HubSpot) -> dict[str, Any]:
    """Wait until the load is so far, and all before is stored; its job."""
    until(lambda: hubspot.calls().get("list", 0) > PAGES_BEFORE or command.process.poll() is not None)
    assert command.process.poll() is None, command.said

    def first_checkpoint() -> dict[str, Any] | None:
        job = stored_job(command)
        return job if job is not None and job["progress"]["deals_read"] == PAGES_BEFORE * 100 else None

    return until(first_checkpoint)


def row(command: FlaskCommand, name: str) -> str:
    """Return what the summary table says of ``name``."""
    found = re.search(rf"^ *{name} {{2,}}(.*?) *$", command.out, re.MULTILINE)
    assert found, command.said
    return found[1]


def test_full_twice_then_the_list_of_jobs(run_flask: RunFlask, wide_hubspot: HubSpot) -> None:
    ids = []
    for changed in (f"{WIDE_DEALS:,}", "0"):
        command = run_flask("sync", "--full")
        assert command.ended() == 0, command.said
        assert command.err == ""
        assert "\x1b" not in command.out
        assert re.match(r"[a-z0-9.% ]+: [\d,]+ deals, [\d,]+ activities, [\d,]+ calls\n", command.out)
        assert row(command, "status") == "completed"
        assert (row(command, "deals read"), row(command, "deals changed")) == (f"{WIDE_DEALS:,}", changed)
        assert row(command, "activities read") == str(WIDE_NOTES)
        ids.append(row(command, "job"))
    assert ids[0] != ids[1]
    asked = run_flask("sync")
    assert asked.ended() == 0
    listing = run_flask("jobs", "--limit", "3")
    assert listing.ended() == 0
    # A confirming pass follows the incremental sync; it waits for its time.
    assert JOB_ID.findall(listing.out)[1:] == [row(asked, "job"), ids[1]]
    assert re.search(rf"{ids[1]} +full +completed ", listing.out)
    assert "3 of 4 jobs" in listing.out


def test_a_token_that_hubspot_refuses(run_flask: RunFlask, wide_hubspot: HubSpot) -> None:
    refused = "pat-not-yours-at-all"
    command = run_flask("sync", "--full", HUBSPOT_ACCESS_TOKEN=refused)
    assert command.ended() == 1
    assert "token" in command.said
    assert_clean(command, refused)


def test_a_token_that_is_withdrawn_later(run_flask: RunFlask, wide_hubspot: HubSpot) -> None:
    wide_hubspot.steer("POST", "faults", match="associations", status=401)
    command = run_flask("sync", "--full")
    assert command.ended() == 1
    assert row(command, "status") == "failed"
    assert "401" in row(command, "message") or "token" in row(command, "message")
    assert_clean(command, command.environ["HUBSPOT_ACCESS_TOKEN"])


def assert_clean(command: FlaskCommand, secret: str) -> None:
    assert secret not in command.said
    assert "Traceback" not in command.said


def test_cancelled_from_another_process(run_flask: RunFlask, wide_hubspot: HubSpot) -> None:
    hold_back(wide_hubspot)
    command = run_flask("sync", "--full")
    job_id = str(held_back(command, wide_hubspot)["_id"])
    with frozen(wide_hubspot.process.pid):  # the command needs some seconds to start
        cancel = run_flask("jobs", "cancel", job_id)
        assert cancel.ended() == 0, cancel.said
    assert command.ended() == 3, command.said
    assert (row(command, "job"), row(command, "status")) == (job_id, "cancelled")
    again = run_flask("jobs", "cancel", job_id)
    assert again.ended() == 1
    assert "already ended" in again.said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_and_taken_up_again(run_flask: RunFlask, wide_hubspot: HubSpot, number: signal.Signals) -> None:
    hold_back(wide_hubspot)
    command = run_flask("sync", "--full")
    job_id = str(held_back(command, wide_hubspot)["_id"])
    code, _ = signal_and_wait(command, number)
    assert (code, job_id in command.out) == (130, True), command.said
    assert "Traceback" not in command.said
    job = stored_job(command)
    assert job is not None
    assert (job["_id"], job["status"]) == (job_id, "queued")

    wide_hubspot.reset()
    again = run_flask("sync", "--full")
    assert again.ended() == 0, again.said
    assert (row(again, "job"), row(again, "deals read")) == (job_id, f"{WIDE_DEALS:,}")
    # The pages and the associations of the rest, and none of the notes that were read before.
    calls = wide_hubspot.calls()
    assert calls["list"] == WIDE_DEALS // 100 - PAGES_BEFORE
    assert calls["associations"] == 7
    assert calls["batch_read"] == 1


def test_a_bar_on_a_terminal(run_flask: RunFlask, wide_hubspot: HubSpot) -> None:
    wide_hubspot.steer("PATCH", "settings", latency=0.1)
    environ = {**run_flask("--version").environ, "TERM": "xterm-256color", "COLUMNS": "200"}
    terminal, inside = pty.openpty()
    process = subprocess.Popen(
        (*FLASK, "sync", "--full"), cwd=ROOT, env=environ, stdin=inside, stdout=inside, stderr=inside
    )
    os.close(inside)
    shown = b""
    try:
        while chunk := read_terminal(terminal):
            shown += chunk
        assert process.wait(60) == 0, shown
    finally:
        process.kill()
        os.close(terminal)
    text = shown.decode()
    assert BAR in text
    assert "deals and their activities" in text
    assert re.search(r"status +completed", re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text))


def read_terminal(terminal: int) -> bytes:
    """Return what was written next; nothing once the other side has closed it."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


def test_a_wrong_command_line(run_flask: RunFlask) -> None:
    """The commands run beside each other: each needs a second to start."""
    wrong = {
        "--full goes with no other option": run_flask("sync", "--full", "--deal", "1"),
        "not 'never'": run_flask("sync", "--since", "never"),
        "No such option": run_flask("sync", "--everything"),
        "Decision Maker Bought-In": run_flask("sync", "--stage", "Nowhere"),
    }
    for said, command in wrong.items():
        assert command.ended() == 2, command.said
        assert said in command.err
        assert "Traceback" not in command.said
        assert stored_job(command) is None


def test_mongodb_is_down(run_flask: RunFlask) -> None:
    down = {"MONGODB_URI": "mongodb://ada:hunter2@127.0.0.1:1/"}
    commands = [run_flask(*line, **down) for line in (("sync",), ("jobs",))]
    for command in commands:
        assert command.ended() == 1
        assert command.out == ""
        assert re.fullmatch(r"Error: MongoDB: [^\n]+\n", command.err), command.err
        assert_clean(command, "hunter2")
