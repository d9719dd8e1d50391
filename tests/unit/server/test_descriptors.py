"""The limit of connections, and the message when no descriptor is left for one more."""

from __future__ import annotations

import errno
import logging
import resource

import pytest

from dealcache.server.descriptors import PAUSE, Exhaustion, connections_within
from tests.clocks import ManualClock


@pytest.mark.parametrize(
    ("files", "connections"), [(64, 21), (256, 85), (3_000, 1_000), (1_048_576, 1_000), (resource.RLIM_INFINITY, 1_000)]
)
def test_connections_leave_files_for_everything_else(files, connections):
    assert connections_within(files) == connections


def test_it_is_said_once_when_it_begins_and_once_when_it_is_over(caplog):
    clock = ManualClock()
    exhaustion = Exhaustion(clock)
    error = OSError(errno.EMFILE, "Too many open files")
    with caplog.at_level(logging.WARNING):
        exhaustion.passed()
        for _ in range(20):
            exhaustion.found(error)
            assert exhaustion.lasts
            clock.tick(PAUSE)
            assert not exhaustion.lasts
            exhaustion.passed()
        assert [record.levelname for record in caplog.records] == ["ERROR"]
        clock.tick(60)
        exhaustion.passed()
        exhaustion.passed()
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]
    assert "Too many open files" in caplog.records[0].getMessage()
    assert "after 10 s" in caplog.records[1].getMessage()
