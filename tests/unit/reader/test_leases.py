"""The stand-in for leases keeps the real ones' promises."""

from __future__ import annotations

import pytest

from tests.clocks import ManualClock
from tests.lease_contract import LeaseContract
from tests.unit.reader.leases import FakeLeases


class TestFakeLeases(LeaseContract):
    @pytest.fixture
    def leases(self, clock: ManualClock) -> FakeLeases:
        return FakeLeases(clock)
