"""The memory tier keeps what every tier promises."""

from __future__ import annotations

import pytest

from dealcache.tiers import MemoryTier
from tests.clocks import ManualClock
from tests.tier_contract import TierContract


class TestMemoryTier(TierContract):
    @pytest.fixture
    def tier(self, clock: ManualClock) -> MemoryTier:
        return MemoryTier(10_000_000, clock)  # room for plenty
