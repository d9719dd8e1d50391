"""The conditions under which the lane can run."""

from __future__ import annotations

import configparser
from importlib import metadata
from pathlib import Path

import pytest
from gunicorn.config import Config

from dealcache.lane import support

ROOT = Path(__file__).parents[3]


def test_it_can_be_here():
    assert support.missing() is None
    assert support.unsuitable(Config()) is None


def test_the_oldest_version_that_may_be_installed_is_tested_and_no_later_one_is_ruled_out():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    needed = setup["options"]["install_requires"].split()
    for name, tested in support.TESTED.items():
        (line,) = [one for one in needed if one.startswith((f"{name}>", f"{name}="))]
        assert line.removeprefix(name) in str(tested).split(",")


def test_another_version(monkeypatch: pytest.MonkeyPatch):
    real = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "99.0" if name == "gunicorn" else real(name))
    assert support.missing() == "it is tested with gunicorn <27.1,>=27.0.1, and this is 99.0"


def test_a_missing_parser(monkeypatch: pytest.MonkeyPatch):
    def version(name: str) -> str:
        if name == "gunicorn_h1c":
            raise metadata.PackageNotFoundError(name)
        return "27.0.1"

    monkeypatch.setattr(metadata, "version", version)
    assert support.missing() == "gunicorn_h1c is not installed"


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("certfile", "server.pem"),
        ("http_protocols", "h2,h1"),
        ("proxy_protocol", "auto"),
        ("http_parser", "python"),
        ("strip_header_spaces", True),
        ("permit_obsolete_folding", True),
        ("secure_scheme_headers", {"X-SCHEME": "https"}),
    ],
)
def test_what_gunicorn_may_be_told_to_do_and_the_lane_cannot(option: str, value: object):
    cfg = Config()
    cfg.set(option, value)
    assert support.unsuitable(cfg)


def test_a_path_before_all_paths(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SCRIPT_NAME", "/deals")
    assert support.unsuitable(Config()) == "SCRIPT_NAME is set"
