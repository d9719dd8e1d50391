"""One whole run: looks at the service, loads it, and puts together what is shown."""

from __future__ import annotations

import asyncio
import random
import selectors
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import takewhile

from benchmarks import machine
from benchmarks.client import VIEWS
from benchmarks.load.arrivals import poisson
from benchmarks.load.exchange import PATIENCE, Exchange
from benchmarks.load.generator import QUEUE_PATIENCE, Generator
from benchmarks.load.mix import REFRESH_PAUSE, SHARES, Mix
from benchmarks.load.page import Content
from benchmarks.load.plots import plots_of
from benchmarks.load.samples import Run
from benchmarks.load.series import series_of
from benchmarks.load.settings import LoadSettings
from benchmarks.load.tables import lag_of, rows_by_kind, rows_by_tier
from benchmarks.load.target import Target


def load(settings: LoadSettings, target: Target, ended: Callable[[], bool] = lambda: False) -> Run:
    """Make a run, at most until ``ended`` says True."""
    # select() wakes up to the microsecond; the loop's usual epoll does to the millisecond, which a hit does not take.
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selectors.SelectSelector())) as runner:
        return runner.run(_load(settings, target, ended))


async def _load(settings: LoadSettings, target: Target, ended: Callable[[], bool]) -> Run:
    mix = Mix(target.deals, random.Random(settings.seed), target.left_out)
    # Chance of its own, so that the moments do not depend on what is asked for.
    schedule = poisson(settings.rate, settings.duration, random.Random(f"moments {settings.seed}"))
    async with Exchange(settings.place, settings.users * len(VIEWS)) as exchange:
        return await Generator(exchange.send, mix, settings.users).run(takewhile(lambda _due: not ended(), schedule))


def content_of(settings: LoadSettings, target: Target, run: Run) -> Content:
    """Return what the report of a run shows."""
    passed = run.fault_share <= settings.allowed_errors and bool(run.samples)
    share = f"{run.faults:,} of {len(run.samples):,} requests failed ({run.fault_share:.2%})"
    allowed = f"{settings.allowed_errors:.2%} may"
    return Content(
        verdict=f"{'Passed' if passed else 'Failed'}: {share}; {allowed}.",
        passed=passed,
        parameters=_parameters(settings, run),
        facts={"Host": settings.place.base_url} | target.facts,
        remarks=_remarks(target),
        kinds=rows_by_kind(run),
        tiers=rows_by_tier(run),
        lag=lag_of(run),
        plots=plots_of(series_of(run)),
    )


def _remarks(target: Target) -> list[str]:
    if not target.left_out:
        return []
    kinds = " and ".join(sorted(target.left_out))
    return [f"Left out, because the service asks for an ADMIN_TOKEN that was not given or is not right: {kinds}."]


def _parameters(settings: LoadSettings, run: Run) -> dict[str, str]:
    mix = ", ".join(f"{kind} {share:.1%}" for kind, share in SHARES.items())
    return {
        "RATE": f"{settings.rate:g} visits per second on average, by chance (Poisson)",
        "DURATION": f"{settings.duration:g} s; the last answer came after {run.seconds:.1f} s",
        "USERS": f"{settings.users} visits under way at most, and {run.most_under_way} at once in fact. A visit that "
        f"finds all users busy waits, and fails after {QUEUE_PATIENCE:g} s",
        "SEED": f"{settings.seed}",
        "Mix": f"{mix}. At least {REFRESH_PAUSE:g} s between two refreshes",
        "Time-out": f"{PATIENCE:g} s",
        "Made": f"{len(run.arrivals):,} visits, {len(run.samples):,} requests",
        "Ended": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "Machine of the generator": machine.describe()[0],
    }
