"""A running simulator with demo data, and HubSpot's official Python client pointed at it."""

from __future__ import annotations

import pytest
import requests
from hubspot import HubSpot

from dealcache.sandbox.simulator import Simulator, demo_data


@pytest.fixture(scope="module")
def demo_simulator():
    with Simulator(demo_data(60), limits=None) as simulator:
        yield simulator


@pytest.fixture
def simulator(demo_simulator):
    """Shared by a module's tests, which leave the data of others alone; set back between them."""
    yield demo_simulator
    demo_simulator.faults.clear()
    demo_simulator.calls.clear()
    demo_simulator.latency = 0.0
    demo_simulator.set_limits(None)


@pytest.fixture
def client(simulator):
    return HubSpot(access_token="simulator-token", host=simulator.base_url)


@pytest.fixture
def http(simulator):
    with requests.Session() as session:
        session.headers["Authorization"] = "Bearer simulator-token"
        yield session
