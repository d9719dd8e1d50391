"""Records that cannot be read are told of once, without what they hold, in bounded memory."""

from __future__ import annotations

import logging

import pytest
from bson import Code

from dealcache.model import unreadable
from dealcache.model.unreadable import UnreadableRecords


def test_a_record_is_logged_and_counted_once(caplog):
    counted = []
    records = UnreadableRecords(counted.append)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            records.note("emails", "301", "not all of it can be read: content")
        records.note("notes", "301", "it is left out")

    assert counted == ["emails", "notes"]
    assert [record.getMessage() for record in caplog.records] == [
        "a record of emails (301): not all of it can be read: content",
        "a record of notes (301): it is left out",
    ]


@pytest.mark.parametrize("record_type", ["widgets", None, 7, "Authorization: Bearer x", Code("x")])
def test_other_types_are_counted_together(record_type):
    counted = []
    UnreadableRecords(counted.append).note(record_type, "1", "x")
    assert counted == ["other"]


@pytest.mark.parametrize(
    ("record_id", "shown"),
    [("1\x002\n", r"'1\x002\n'"), ("9" * 200, "9" * 100 + "…"), (None, "without an id"), ("\ud800", r"'\ud800'")],
)
def test_an_id_is_shown_so_that_it_can_break_no_line(caplog, record_id, shown):
    UnreadableRecords().note("deals", record_id, "x")
    assert caplog.messages == [f"a record of deals ({shown}): x"]


def test_only_so_many_are_remembered(monkeypatch):
    monkeypatch.setattr(unreadable, "MOST_REMEMBERED", 3)
    counted = []
    records = UnreadableRecords(counted.append)
    for one in ("1", "2", "3", "4", "4", "1", "4"):
        records.note("deals", one, "x")
    assert len(counted) == 5  # the first was forgotten and is told of again
