"""The definitions of own properties: when they are read, and what is said of those that HubSpot does not have."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import pytest

from dealcache.hubspot.errors import Forbidden, Unavailable
from dealcache.hubspot.label_lists import PropertyReads
from dealcache.hubspot.label_refresher import LabelRefresher
from dealcache.hubspot.mapper import RecordMapper
from dealcache.model.deadline import Deadline
from tests.unit.hubspot.accounts import KnownLabels
from tests.unit.hubspot.test_label_refresher import LaterExecutor, Listing

STARTED = datetime(2026, 11, 23, tzinfo=UTC)
NAMES = ("size", "source", "gone")


class Lists:
    mapper = RecordMapper()

    def __init__(self):
        self.failure = None
        self.names = ["amount", "size", "source"]

    def list_properties(self):
        if self.failure:
            raise self.failure
        return [{"name": name, "label": name.title(), "type": "string"} for name in self.names]


@pytest.fixture
def lists():
    return Lists()


@pytest.fixture
def kept():
    return []


@pytest.fixture
def reads(lists, kept):
    def keep(definitions, at):
        kept.append(([one.name for one in definitions], at))
        return True

    return PropertyReads(lambda _deadline: lists, NAMES, keep, lambda: STARTED)


def test_definitions_are_kept_and_absent_properties_named_once(reads, lists, kept, caplog):
    assert reads.read(Deadline(1))
    assert kept == [(["size", "source"], STARTED)]
    (line,) = caplog.records
    assert line.getMessage().endswith(": gone")
    reads.read(Deadline(1))
    reads.log_absent({"gone"})
    assert len(caplog.records) == 1
    lists.names.remove("size")
    reads.read(Deadline(1))
    assert caplog.records[1].getMessage().endswith(": size")


def test_a_refusal_is_told_once_and_leaves_the_definitions_as_they_are(reads, lists, kept, caplog):
    lists.failure = Forbidden("no")
    with caplog.at_level(logging.WARNING):
        assert reads.read(Deadline(1))
        assert reads.read(Deadline(1))
    assert kept == []
    (line,) = caplog.records
    assert "crm.schemas.deals.read" in line.getMessage()


def test_a_failure_is_no_refusal(reads, lists):
    lists.failure = Unavailable("later")
    with pytest.raises(Unavailable):
        reads.read(Deadline(1))


def test_what_mongodb_did_not_keep_is_read_again_soon(lists):
    assert not PropertyReads(lambda _deadline: lists, NAMES, lambda *_: False, lambda: STARTED).read(Deadline(1))


def test_they_are_read_once_an_hour_and_with_all_labels(clock):
    executor, known, read = LaterExecutor(), KnownLabels(), []
    refresher = LabelRefresher(
        lambda _deadline: Listing(),
        executor,
        known,
        known.store_owners,
        known.store_pipelines,
        lambda: STARTED,
        clock,
        lambda _deadline: read.append(clock.now) is None,
    )
    for hour, reads in ((0, 1), (0.99, 1), (1.01, 2)):
        clock.now = 3600.0 * hour
        refresher.begin_due()
        executor.run()
        assert len(read) == reads
    refresher.begin_all()
    executor.run()
    assert len(read) == 3
