"""Shared budgets keep what all budgets promise, in whatever condition Redis is."""

from __future__ import annotations

import pytest

from dealcache.embedded.processes import free_port
from dealcache.hubspot.budgets import Bucket
from tests.budgets_contract import BudgetsContract
from tests.integration.hubspot.harness import LONG


class SharedContract(BudgetsContract):
    threads = 20

    @pytest.fixture
    def make_budgets(self, make_worker, url, clock):
        def make(condition):
            budgets = make_worker(url, condition=condition)
            for bucket in Bucket:
                budgets.left(bucket)
            clock.now += self.settling
            return budgets

        return make

    @pytest.fixture
    def make_turnstile(self, make_bucket, url, clock):
        def make(limit, period, condition):
            turnstile = make_bucket(url, limit, period, condition)
            turnstile.left()
            clock.now += self.settling
            return turnstile

        return make


class TestWhileRedisDecides(SharedContract):
    settling = LONG

    @pytest.fixture
    def url(self, redis_url):
        return redis_url


class TestWhileRedisIsNew(SharedContract):
    settling = 0.0

    @pytest.fixture
    def url(self, redis_url):
        return redis_url


class TestWithoutRedis(SharedContract):
    settling = 0.0

    @pytest.fixture
    def url(self):
        return f"redis://127.0.0.1:{free_port()}/0"
