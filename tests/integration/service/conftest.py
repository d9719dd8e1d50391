"""The service on the session's mongod, made anew for each test."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from dealcache.model.deals import ENGAGEMENT_TYPES
from dealcache.sandbox.simulator import Simulator, demo_data
from tests.clocks import ManualClock
from tests.integration.service.harness import TOKEN, MakeService, Service, running


@pytest.fixture
def clock() -> ManualClock:
    """Everybody's wall clock: the service's and HubSpot's."""
    return ManualClock(float(int(time.time())))


@pytest.fixture
def hubspot(clock: ManualClock) -> Iterator[Simulator]:
    """A HubSpot without limits whose only deal is "Acme renewal", with 60 activities."""
    with Simulator(demo_data(1), token=TOKEN, limits=None, clock=clock) as simulator:
        yield simulator


@pytest.fixture
def make_service(hubspot: Simulator, mongodb_uri: str, database_name: str, clock: ManualClock) -> Iterator[MakeService]:
    """Makes services on one database; what is given goes into their environment."""
    with ExitStack() as stack:

        def make(uri: str = mongodb_uri, **environ: str) -> Service:
            own_mongod = uri != mongodb_uri
            return stack.enter_context(running(hubspot, uri, database_name, clock, own_mongod=own_mongod, **environ))

        yield make


@pytest.fixture
def service(make_service: MakeService) -> Service:
    """The service with every setting at its default."""
    return make_service()


@pytest.fixture(scope="module")
def shared_by_module(mongodb_uri: str) -> Iterator[Service]:
    """One service for all tests of a module, which work on deals of their own."""
    clock = ManualClock(float(int(time.time())))
    with (
        Simulator(demo_data(1), token=TOKEN, limits=None, clock=clock) as simulator,
        running(simulator, mongodb_uri, f"test_{uuid.uuid4().hex}", clock) as service,
    ):
        yield service


@pytest.fixture
def shared(shared_by_module: Service) -> Iterator[Service]:
    """That service, with all calls and faults of earlier tests forgotten."""
    shared_by_module.hubspot.faults.clear()
    shared_by_module.hubspot.calls.clear()
    shared_by_module.clear()
    yield shared_by_module
    shared_by_module.hubspot.faults.clear()


@pytest.fixture
def deal(shared: Service) -> str:
    """The name of a deal in the shared service's HubSpot that nobody has read yet, with an activity of each type."""
    name = f"Deal {uuid.uuid4().hex}"
    deal_id = shared.hubspot.data.add_deal(name)
    for kind in ENGAGEMENT_TYPES:
        shared.hubspot.data.add_activity(kind, deals=[deal_id])
    return name
