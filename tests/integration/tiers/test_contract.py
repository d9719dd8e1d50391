"""The Redis tier keeps what every tier promises, on a real Redis."""

from __future__ import annotations

import pytest

from dealcache.redis_connection import RedisConnection
from dealcache.tiers.redis import RedisTier
from tests.clocks import ManualClock
from tests.tier_contract import TierContract


class TestRedisTier(TierContract):
    @pytest.fixture
    def tier(self, redis_connection: RedisConnection, clock: ManualClock) -> RedisTier:
        return RedisTier(redis_connection, clock)
