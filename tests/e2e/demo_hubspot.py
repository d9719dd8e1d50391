"""Fixtures of a simulated HubSpot that tests share; a conftest imports them, and says how many deals it has."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.programs import HubSpot


@pytest.fixture(scope="session")
def hubspot_process(tmp_path_factory: pytest.TempPathFactory, demo_deals: int) -> Iterator[HubSpot]:
    """A simulated HubSpot with demo data and without limits."""
    program = HubSpot(tmp_path_factory.mktemp("hubspot"), "--deals", str(demo_deals))
    yield program
    program.stop()


@pytest.fixture
def hubspot(hubspot_process: HubSpot) -> HubSpot:
    """That HubSpot, with nothing left of the test before."""
    hubspot_process.reset()
    return hubspot_process
