from __future__ import annotations

import pytest
import responses

from dealcache.hubspot.calls import Calls, Paths
from dealcache.hubspot.client import HubSpotClient
from dealcache.hubspot.limits.buckets import Priority
from dealcache.hubspot.limits.rate_limiter import local_rate_limits
from dealcache.hubspot.mapper import RecordMapper
from dealcache.hubspot.session import HubSpotSession
from dealcache.model.deadline import Deadline
from tests.unit.hubspot.clocks import HandClock

BASE_URL = "https://hubspot.test"
TOKEN = "pat-na1-5ec2e7aa-0000-4000-8000-0123456789ab"


class Notes:
    """An observer that keeps what it was told."""

    def __init__(self):
        self.calls, self.retries, self.left = [], [], []

    def call_finished(self, endpoint, outcome, seconds):
        self.calls.append((endpoint, outcome, seconds))

    def retried(self, endpoint, reason):
        self.retries.append((endpoint, reason))

    def calls_left(self, bucket, left):
        self.left.append((bucket, left))


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
def notes():
    return Notes()


@pytest.fixture
def rate_limits(clock):
    return local_rate_limits(clock, clock.jumping_condition)


@pytest.fixture
def hubspot():
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def session(clock, rate_limits, notes):
    made = HubSpotSession(
        BASE_URL,
        TOKEN,
        pool_size=4,
        rate_limits=rate_limits,
        observer=notes,
        clock=clock,
        sleep=clock.sleep,
        chance=lambda: 0.5,
    )
    yield made
    made.close()


def calls_of(session, clock, priority=Priority.INTERACTIVE, version="v3"):
    return Calls(session, Paths(version), lambda _deadline: None, Deadline(100, clock), priority)


@pytest.fixture
def client(session, clock):
    return HubSpotClient(calls_of(session, clock), RecordMapper())
