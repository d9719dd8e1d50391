"""``dealcache config`` tells every setting, where it is from, and no secret."""

from __future__ import annotations

import pytest
from click.testing import CliRunner, Result

from dealcache.cli.main import main
from dealcache.settings import VARIABLES

GOOD = {"HUBSPOT_ACCESS_TOKEN": "pat-hunter2", "MONGODB_URI": "mongodb://ada:hunter2@db:27017/x?tls=true&y=hunter2"}


def config(**environ: str) -> Result:
    unset = dict.fromkeys((variable.name for variable in VARIABLES), None)
    return CliRunner().invoke(main, ["config"], env={**unset, **environ})


def line_of(name: str, **environ: str) -> str:
    (line,) = [line for line in config(**GOOD | environ).stdout.splitlines() if line.startswith(f"{name} ")]
    return line.removeprefix(name).strip()


def test_each_variable_has_a_line():
    result = config(**GOOD)
    assert [line.split()[0] for line in result.stdout.splitlines()] == [variable.name for variable in VARIABLES]
    assert result.exit_code == 0
    assert "hunter2" not in result.output


@pytest.mark.parametrize(
    ("name", "text", "shown"),
    [
        ("THREADS", "8", "8 (environment)"),
        ("THREADS", " ", "16 (default)"),
        ("FORWARDED_ALLOW_IPS", "", "127.0.0.1,::1 (default)"),
        ("CORS_ORIGINS", "", "none (default)"),
        ("TIMELINE_TIMEZONE", "", "UTC (default)"),
        ("CACHE_TTL_SECONDS", "", "600 (default)"),
        ("PUBLIC_URL", "", "not set (default)"),
        ("HUBSPOT_BASE_URL", "https://ada:hunter2@hub", "https://***@hub (environment)"),
        ("MONGODB_URI", GOOD["MONGODB_URI"], "mongodb://***@db:27017/x (environment)"),
        ("REDIS_URL", "redis://:hunter2@r/0?password=hunter2", "redis://***@r/0 (environment)"),
        ("API_TOKEN", "https://hunter2", "set, but not shown (environment)"),
        ("THREADS", "x", "invalid: holds 'x'; it may hold a whole number from 1 to 1024 (environment)"),
    ],
)
def test_what_is_shown(name, text, shown):
    assert line_of(name, **{name: text}) == shown


@pytest.mark.parametrize("environ", [GOOD | {"THREADS": "x"}, GOOD | {"REDIS_URL": "hunter2"}, {}])
def test_invalid_and_missing_values_are_shown_as_such(environ):
    result = config(**environ)
    assert result.exit_code == 2
    assert len(result.stdout.splitlines()) == len(VARIABLES)
    assert ("missing: set it to the MongoDB to use" in result.stdout) is (not environ)
    assert "hunter2" not in result.output
