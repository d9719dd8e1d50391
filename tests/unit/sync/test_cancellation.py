"""Cancelling a job: the first reason stays, and calls under way end."""

from __future__ import annotations

import pytest

from dealcache.model.deadline import Deadline
from dealcache.model.jobs import CancelReason
from dealcache.sync.cancellation import CancellationToken


@pytest.fixture
def stop() -> CancellationToken:
    return CancellationToken()


def test_the_first_reason_stays(stop):
    stop.cancel(CancelReason.LOST)
    stop.cancel(CancelReason.CANCELLED)
    assert stop.reason is CancelReason.LOST


def test_a_stop_ends_the_deadline_of_calls_under_way(stop):
    deadline = Deadline(60, is_cancelled=stop.is_cancelled)
    part = deadline.part(0.5)
    assert deadline.remaining() > 50
    assert 20 < part.remaining() <= 30
    stop.cancel(CancelReason.CANCELLED)
    assert deadline.remaining() == part.remaining() == 0
    assert deadline.expired()
