"""Shared rate_limits keep what all rate limits promise, in whatever condition Redis is."""

from __future__ import annotations

import pytest

from dealcache.sandbox.embedded.processes import free_port
from tests.rate_limits_contract import RateLimitsContract


class SharedContract(RateLimitsContract):
    threads = 20

    @pytest.fixture
    def make_rate_limits(self, make_worker, url):
        return lambda condition: make_worker(url, condition=condition)

    @pytest.fixture
    def make_limiter(self, make_bucket, url):
        return lambda limit, period, condition: make_bucket(url, limit, period, condition)


class TestWithRedis(SharedContract):
    @pytest.fixture
    def url(self, redis_url):
        return redis_url


class TestWithoutRedis(SharedContract):
    @pytest.fixture
    def url(self):
        return f"redis://127.0.0.1:{free_port()}/0"
