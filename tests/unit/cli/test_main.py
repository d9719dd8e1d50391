"""The command ``dealcache``, without what its commands do."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from dealcache import __version__
from dealcache.cli import COMMANDS
from dealcache.cli.main import main


def test_the_version():
    assert CliRunner().invoke(main, ["--version"], prog_name="dealcache").output == f"dealcache {__version__}\n"


def test_the_commands_of_flask_are_the_same():
    assert [main.commands[str(command.name)] for command in COMMANDS] == list(COMMANDS)


@pytest.mark.parametrize("name", sorted(main.commands))
def test_each_command_has_help_without_any_setting(name, monkeypatch):
    for variable in ("HUBSPOT_ACCESS_TOKEN", "MONGODB_URI"):
        monkeypatch.delenv(variable, raising=False)
    result = CliRunner().invoke(main, [name, "--help"])
    assert result.exit_code == 0
    listed = CliRunner().invoke(main, ["--help"]).output
    (line,) = [line for line in listed.splitlines() if line.startswith(f"  {name} ")]
    assert line.endswith(".")
    assert "..." not in line


@pytest.mark.parametrize("command", [("jobs",), ("jobs", "cancel", "1"), ("sync", "--full"), ("lists", "check")])
def test_a_bad_value_ends_a_command_with_one_line(command):
    result = CliRunner().invoke(main, command, env={"THREADS": "many"})
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "dealcache: THREADS holds 'many'; it may hold a whole number from 1 to 1024\n"


@pytest.mark.parametrize(
    "uri",
    ["mongodb+srv://ada:hunter2@h1,h2/", "mongodb://ada:hunter2@db/?tls=true&tlsCAFile=/none/ca.pem"],
)
def test_what_only_the_driver_refuses_is_told_in_the_same_way(uri):
    environ = {"HUBSPOT_ACCESS_TOKEN": "t", "MONGODB_URI": uri}
    told = "MONGODB_URI holds a value that is not shown: the connection URI is not valid"
    result = CliRunner().invoke(main, ["serve"], env=environ)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"dealcache: {told}")
    assert "hunter2" not in result.stderr
    result = CliRunner().invoke(main, ["check"], env=environ)
    assert result.exit_code == 1
    assert result.stdout.startswith(f"failed   settings: {told}")
