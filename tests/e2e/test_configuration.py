"""A bad value stops the start with one line; a risky one is said aloud."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.e2e.programs import GUNICORN, ROOT, TOKEN, StartService, environment
from tests.ports import free_port
from tests.waiting import until

GOOD = {"HUBSPOT_ACCESS_TOKEN": TOKEN, "MONGODB_URI": "mongodb://127.0.0.1:1/"}
SECRET = "hunter2"

#: All variables' bad values are tested as a unit; these show that gunicorn gets to hear of them.
BAD = [
    ("HUBSPOT_ACCESS_TOKEN", ""),
    ("MONGODB_URI", f"mongodb://ada:{SECRET}@db:port/"),
    ("TIMELINE_TIMEZONE", "Mars/Olympus"),
    ("BIND", "nowhere"),
    ("CPU_AFFINITY", "9999"),
]


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_bad_value_stops_the_start_with_one_line(tmp_path: Path, name: str, value: str) -> None:
    place = {"BIND": f"127.0.0.1:{free_port()}", "TMPDIR": str(tmp_path)}
    environ = environment(**GOOD | place | {name: value})
    run = subprocess.run(GUNICORN, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode != 0
    assert run.stdout == ""
    assert len(run.stderr.splitlines()) == 1, run.stderr
    assert name in run.stderr
    assert SECRET not in run.stderr
    if value and SECRET not in value:
        assert value in run.stderr


@pytest.mark.long
@pytest.mark.parametrize(
    ("environ", "said"),
    [({}, "no API_TOKEN is set"), ({"API_TOKEN": "a-token-of-ours"}, None)],
    ids=["without a token", "with one"],
)
def test_an_address_that_others_reach_is_said_aloud_without_a_token(
    start_service: StartService, environ: dict[str, str], said: str | None
) -> None:
    service = start_service(host="0.0.0.0", HUBSPOT_CLIENT_SECRET="webhooks-are-on", **environ)
    until(lambda: any("istening" in line["message"] for line in service.log()))
    warnings = [line["message"] for line in service.log() if line["level"] == "WARNING"]
    assert [said in text for text in warnings] == [True] if said else warnings == []
    assert "a-token-of-ours" not in service.err


@pytest.mark.long
def test_a_loopback_address_is_nothing_to_talk_about(start_service: StartService) -> None:
    service = start_service(HUBSPOT_CLIENT_SECRET="webhooks-are-on")
    assert [line for line in service.log() if line["level"] == "WARNING"] == []
