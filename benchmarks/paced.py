"""A client that asks at a steady pace, whether or not the answers keep up."""

from __future__ import annotations

import os
import time
from collections.abc import Collection

from benchmarks.client import Client, expect


def paced(base_url: str, target: str, per_second: float, seconds: float, cores: Collection[int]) -> list[float]:
    """Ask for a memory hit again and again on one keep-alive connection.

    Args:
        base_url: scheme, host and port.
        target: what is asked for.
        per_second: how often.
        seconds: how long.
        cores: the cores that the calling thread keeps to meanwhile.

    Returns:
        For each request the milliseconds from when it was due until its answer was there: who is late because the
        answer before was late counts that too.
    """
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        with Client(base_url) as client:
            expect(client.ask(target), tier="memory")
            began = time.perf_counter()
            dues = [began + number / per_second for number in range(int(per_second * seconds))]
            return [_ask_when_due(client, target, due) for due in dues]
    finally:
        os.sched_setaffinity(0, allowed)


def _ask_when_due(client: Client, target: str, due: float) -> float:
    time.sleep(max(0.0, due - time.perf_counter()))
    expect(client.ask(target), tier="memory")
    return (time.perf_counter() - due) * 1e3
