"""The files of ``deploy/``: the environment has every variable, and all name the same socket."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dealcache.settings import VARIABLES, load_settings

DEPLOY = Path(__file__).parents[3] / "deploy"
ENVIRONMENT = (DEPLOY / "dealcache.env").read_text("utf-8")
LINES = re.findall(r"^#?([A-Z_]+)=(.*)$", ENVIRONMENT, re.MULTILINE)


def test_the_environment_has_every_variable_once():
    assert sorted(name for name, _ in LINES) == sorted(variable.name for variable in VARIABLES)


@pytest.mark.parametrize("variable", VARIABLES, ids=lambda variable: variable.name)
def test_a_variable_stands_in_the_environment_with_its_default(variable):
    text = dict(LINES)[variable.name]
    assert (variable.parse(text) if text else None) == (
        None if variable.default in (frozenset(), ()) else variable.default
    )


def test_systemd_reads_the_environment_as_it_is_written():
    """systemd knows comments at the beginning of a line only, and gives quotes and backslashes a meaning."""
    assert all(re.fullmatch(r"|#.*|[A-Z_]+=[^\s\"'\\]*", line) for line in ENVIRONMENT.split("\n"))


def test_the_service_starts_once_what_is_needed_is_set():
    needed = {name for name, text in re.findall(r"^([A-Z_]+)=(.*)$", ENVIRONMENT, re.MULTILINE) if not text}
    assert needed == {"HUBSPOT_ACCESS_TOKEN", "MONGODB_URI"}
    assert load_settings(dict(LINES) | {"HUBSPOT_ACCESS_TOKEN": "t", "MONGODB_URI": "mongodb://db/"})


def test_the_socket_is_where_the_units_say_and_nginx_looks():
    service = (DEPLOY / "dealcache.service").read_text("utf-8")
    (address,) = re.findall(r"^Environment=BIND=unix:(.*)$", service, re.MULTILINE)
    assert f"\nListenStream={address}\n" in (DEPLOY / "dealcache.socket").read_text("utf-8")
    assert f" server unix:{address} " in (DEPLOY / "nginx.conf").read_text("utf-8")
