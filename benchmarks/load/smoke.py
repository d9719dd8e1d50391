"""``python -m benchmarks.load.smoke``: a short run on a service that it starts itself, for continuous integration.

Two workers and Redis, so that all four tiers answer. How fast they do is not judged: other work may share the machine.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.client import ask, expect
from benchmarks.deployed import CannotMeasureError, Place
from benchmarks.load.mix import Kind
from benchmarks.load.page import DRAWS, write
from benchmarks.load.samples import Run
from benchmarks.load.series import TIERS
from benchmarks.load.session import content_of, load
from benchmarks.load.settings import LoadSettings
from benchmarks.load.target import look_at
from benchmarks.load.terminal import show
from benchmarks.service import StartError
from benchmarks.stand import Stand

_RATE, _SECONDS = 25.0, 20.0
#: With it every kind of visit is there, several times.
_SEED = 7
#: So little that Redis answers for what was evicted: the kernel may give all connections to one worker, which needs
#: Redis for nothing else.
_MEMORY_BYTES = "300000"
_REPORT = Path("build/load-test-smoke.html")
_PLOTS = ("throughput", "latency", "hit-ratio", "generator")
_SYNC_SECONDS = 60.0


def main() -> int:
    """Start the service, load it, and judge.

    Returns:
        The exit code: 1 when something is not as it should be, 2 when the run could not be made.
    """
    # Unwinding the stack is what stops the processes; for Ctrl-C Python does the same by itself.
    signal.signal(signal.SIGTERM, _leave)
    try:
        with Stand() as stand:
            found = _run(stand)
    except (CannotMeasureError, StartError) as error:
        print(f"load-test-smoke: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("load-test-smoke: interrupted", file=sys.stderr)
        return 130
    for shortcoming in found:
        print(f"load-test-smoke: {shortcoming}", file=sys.stderr)
    return 1 if found else 0


def _run(stand: Stand) -> list[str]:
    stand.hubspot.limit(False)
    service = stand.service("smoke", WEB_CONCURRENCY="2", REDIS_URL=stand.redis_url, CACHE_MAX_BYTES=_MEMORY_BYTES)
    _sync(service.base_url)
    settings = LoadSettings(Place(service.base_url), rate=_RATE, duration=_SECONDS, seed=_SEED, report=_REPORT)
    target = look_at(settings.place)
    run = load(settings, target)
    content = content_of(settings, target, run)
    show(content, Console(highlight=False, width=120))
    write(content, settings.report)
    print(f"report: {settings.report}")
    return shortcomings(run, settings.report.read_text("utf-8"), TIERS)


def shortcomings(run: Run, page: str, tiers: Sequence[str]) -> list[str]:
    """Return what is not as it should be, one line for each.

    Args:
        run: what was seen.
        page: the report.
        tiers: those that had to answer.
    """
    unmade = set(Kind) - {one.kind for one in run.arrivals}
    unseen = [tier for tier in tiers if tier not in run.tiers]
    undrawn = [name for name in _PLOTS if DRAWS.format(name=name) not in page.replace(" ", "")]
    found = []
    if unmade:
        found.append(f"never asked for: {', '.join(sorted(unmade))}")
    if run.faults:
        found.append(f"{run.faults} of {len(run.samples)} requests failed")
    if unseen:
        found.append(f"never answered: {', '.join(unseen)}")
    if undrawn:
        found.append(f"not drawn in the report: {', '.join(undrawn)}")
    return found


def _sync(base_url: str) -> None:
    """Have the service read all deals, so that it can list them."""
    job = json.loads(expect(ask(base_url, "/api/hubspot/v2/sync?full=true", "POST"), status=202).body)["job_id"]
    deadline = time.monotonic() + _SYNC_SECONDS
    while time.monotonic() < deadline:
        status = json.loads(expect(ask(base_url, f"/api/hubspot/v2/sync/status/{job}")).body)["status"]
        if status == "completed":
            return
        if status not in ("queued", "running"):
            break
        time.sleep(0.1)
    raise CannotMeasureError(f"the sync of the demo deals did not complete: it is {status}")


def _leave(_number: int, _frame: Any) -> None:
    sys.exit(143)


if __name__ == "__main__":
    sys.exit(main())
