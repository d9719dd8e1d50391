"""What a worker's snapshots of its dependencies show in the metrics."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from dealcache.cluster.status_monitor import Snapshot
from dealcache.container.worker_state import WorkerState
from dealcache.telemetry.metrics import Metrics


@pytest.mark.parametrize(("redis", "is_down"), [(False, 1), (True, 0), (None, 0)], ids=["down", "answers", "not used"])
def test_a_dependency_is_down_while_it_does_not_answer(redis: bool | None, is_down: int) -> None:
    parts: Any = SimpleNamespace(metrics=Metrics(), status=SimpleNamespace(daily_calls=lambda: None))
    registry = parts.metrics.registry
    assert [registry.get_sample_value("dealcache_dependency_down", {"dependency": "redis"})] == [0]
    WorkerState(parts).show_snapshot(Snapshot(0.0, None, redis))
    assert [
        registry.get_sample_value("dealcache_dependency_down", {"dependency": one}) for one in ("mongodb", "redis")
    ] == [1, is_down]
