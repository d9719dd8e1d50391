"""A bad value stops the start with one line; a risky one is said aloud."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.e2e.programs import GUNICORN, ROOT, TOKEN, StartService, environment, free_port, until

GOOD = {"HUBSPOT_ACCESS_TOKEN": TOKEN, "MONGODB_URI": "mongodb://127.0.0.1:1/"}
SECRET = "hunter2"

BAD = [
    ("HUBSPOT_ACCESS_TOKEN", ""),
    ("HUBSPOT_ACCESS_TOKEN", f"pat {SECRET}"),
    ("HUBSPOT_BASE_URL", f"ftp://ada:{SECRET}@example.com"),
    ("HUBSPOT_BASE_URL", "https://example.com:port"),
    ("HUBSPOT_API_VERSION", "v4"),
    ("HUBSPOT_DEADLINE_SECONDS", "nan"),
    ("MONGODB_URI", ""),
    ("MONGODB_URI", f"postgres://ada:{SECRET}@db/"),
    ("MONGODB_URI", f"mongodb://ada:{SECRET}@db:port/"),
    ("MONGODB_DATABASE", "a b"),
    ("CACHE_TTL_SECONDS", "ten"),
    ("CACHE_TTL_SECONDS", "0"),
    ("CACHE_MAX_BYTES", "1e9"),
    ("STALE_IF_ERROR_SECONDS", "-1"),
    ("NEGATIVE_TTL_SECONDS", "inf"),
    ("TIMELINE_TIMEZONE", "Mars/Olympus"),
    ("API_TOKEN", f"two {SECRET}"),
    ("ADMIN_TOKEN", f"ümläut-{SECRET}"),
    ("CORS_ORIGINS", "ui.example.com"),
    ("BIND", "nowhere"),
    ("BIND", "127.0.0.1:99999"),
    ("WEB_CONCURRENCY", "0"),
    ("THREADS", "many"),
    ("LOG_FORMAT", "xml"),
    ("LOG_LEVEL", "LOUD"),
]


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_bad_value_stops_the_start_with_one_line(tmp_path: Path, name: str, value: str) -> None:
    place = {"BIND": f"127.0.0.1:{free_port()}", "TMPDIR": str(tmp_path)}
    environ = environment(**GOOD | place | {name: value})
    run = subprocess.run(GUNICORN, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=10, check=False)
    assert run.returncode != 0
    assert run.stdout == ""
    assert len(run.stderr.splitlines()) == 1, run.stderr
    assert name in run.stderr
    assert SECRET not in run.stderr
    if value and SECRET not in value:
        assert value in run.stderr


@pytest.mark.parametrize(
    ("environ", "said"),
    [({}, "no API_TOKEN is set"), ({"API_TOKEN": "a-token-of-ours"}, None)],
    ids=["without a token", "with one"],
)
def test_an_address_that_others_reach_is_said_aloud_without_a_token(
    start_service: StartService, environ: dict[str, str], said: str | None
) -> None:
    service = start_service(host="0.0.0.0", **environ)
    until(lambda: any("istening" in line["message"] for line in service.log()))
    warnings = [line["message"] for line in service.log() if line["level"] == "WARNING"]
    assert [said in text for text in warnings] == [True] if said else warnings == []
    assert "a-token-of-ours" not in service.err


def test_a_loopback_address_is_nothing_to_talk_about(start_service: StartService) -> None:
    service = start_service()
    assert [line for line in service.log() if line["level"] == "WARNING"] == []
