"""Which sections a command line chooses."""

from __future__ import annotations

import signal

import pytest

from benchmarks import __main__ as command


@pytest.fixture
def ran(monkeypatch):
    """The names of the sections that were run, with nothing measured."""
    names = []

    def section_of(name):
        return ("", lambda _stand, _report, quick: names.append((name, quick)))

    monkeypatch.setattr(command, "SECTIONS", {name: section_of(name) for name in command.SECTIONS})
    before = signal.getsignal(signal.SIGTERM)
    yield names
    signal.signal(signal.SIGTERM, before)  # a run takes it for itself


def test_all_unless_some_are_named(ran):
    assert command.main([]) == 0
    assert ran == [(name, False) for name in command.SECTIONS]


def test_a_name_chooses_one(ran):
    assert command.main(["--only", "peers", "--only", "cold", "--quick"]) == 0
    assert ran == [("cold", True), ("peers", True)]


def test_lane_chooses_all_that_belong_to_it(ran):
    assert command.main(["--only", "lane"]) == 0
    assert [name for name, _ in ran] == ["lane-waiting", "lane-senders", "lane-misses", "lane-cores"]


def test_other_names_are_refused(ran, capsys):
    with pytest.raises(SystemExit):
        command.main(["--only", "memory"])
    assert "invalid choice: 'memory'" in capsys.readouterr().err
    assert ran == []
