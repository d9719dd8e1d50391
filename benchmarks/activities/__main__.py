"""``python -m benchmarks.activities``: measures the summary of activities, and what keeping its sums costs."""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from pymongo.database import Database

from benchmarks import affinity, frame
from benchmarks.activities import OTHER_CORES, SERVER_CORE
from benchmarks.activities.filling import fill, loads
from benchmarks.client import Client, ask, expect
from benchmarks.lists import measure
from benchmarks.lists.readers import Growth
from benchmarks.report import Report
from benchmarks.service import Server
from benchmarks.stand import Stand
from dealcache.clock import RemoteClock
from dealcache.model.unreadable import UnreadableRecords
from dealcache.repositories.documents import SUMMED
from dealcache.repositories.storage import Storage

_DATABASE = "activities"
_PATH = "/api/hubspot/v2/activity-summary"
_HIT = "/api/hubspot/deal-timeline?dealName=Acme%20renewal"
_GROUPINGS = ("week", "month", "owner", "type")
_STAGES = "&".join(
    f"stage={one}" for one in ("contractsent", "closedwon", "closedlost", "appointmentscheduled", "qualifiedtobuy")
)
_FILTERS = (
    *("", "since=2026-03-04&until=2026-09-10", "stage=contractsent", "owner=910907", "stage=contractsent&owner=910907"),
    *(_STAGES, f"{_STAGES}&since=2026-03-04", "&".join(f"owner={910_901 + number}" for number in range(25))),
    f"{_STAGES}&{'&'.join(f'owner={910_901 + number}' for number in range(25))}",
)
#: Hits to measure at once while the sums are made.
_HITS = 500
#: How often, twice a second, the value is asked for that has to come from memory then.
_TRIES = 120
#: Deals to write, how many together, as a sync does, and how often.
_WRITTEN, _CHUNK, _WRITINGS = 2_000, 100, 3
_MOST_SECONDS = 0.1
_MEGABYTE = 1_000_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; see :func:`.frame.run`."""
    return frame.run(_parser(), arguments, _run)


def _run(options: argparse.Namespace, report: Report) -> None:
    os.sched_setaffinity(0, OTHER_CORES)
    with Stand() as stand:
        service = stand.service(_DATABASE, TIMELINE_TIMEZONE="Europe/Berlin")
        database = stand.mongodb[_DATABASE]
        expect(ask(service.base_url, _HIT))
        deals = fill(database, options.activities)
        report.heading(f"{database.deal_timeline.estimated_document_count():,} activities of {deals:,} deals")
        affinity.pin(service.pid, {SERVER_CORE})
        _make(service, report)
        _ask(stand, service, report, options.rounds)
        _write(stand, service, report, min(_WRITTEN, deals // 4))


def _make(service: Server, report: Report) -> None:
    """Measure the first answer, for which the sums are made, what it takes, and cached reads beside it."""
    # Invalidated by new owners; and MongoDB, just filled, may be too busy for anything in memory to be trusted.
    for _ in range(_TRIES):
        if expect(ask(service.base_url, _HIT)).tier == "memory":
            break
        time.sleep(0.5)
    spent = affinity.processor_seconds(service.pid)
    beside: list[tuple[float, float, float]] = []
    with Growth(service.pid) as growth, ThreadPoolExecutor(1) as pool:
        first = pool.submit(_answer, service)
        while not first.done():
            beside.append(measure.hits(service, _HITS))
        seconds = first.result()
    spent = affinity.processor_seconds(service.pid) - spent
    high, most = (max(one[place] for one in beside) for place in (1, 2))
    report.table(
        "the first answer",
        ["value"],
        [
            ["seconds", f"{seconds:.1f}"],
            ["processor time of the service, and of hits beside it, s", f"{spent:.1f}"],
            ["memory, MB", f"{growth.most / _MEGABYTE:.1f}"],
            ["hits beside it: p99 / most, ms", f"{high * 1000:.1f} / {most * 1000:.1f}"],
        ],
    )


def _ask(stand: Stand, service: Server, report: Report, rounds: int) -> None:
    """Measure each grouping with each filter."""
    pids = service.pid, _mongod(stand)
    figures: dict[str, list[float]] = {}
    spent: dict[str, float] = {}
    with Growth(service.pid) as growth, Client(service.base_url) as client:
        for condition in _FILTERS:
            for by in _GROUPINGS:
                shown = condition if len(condition) < 60 else f"{condition[:50]}… ({condition.count('=')})"
                target, name = f"{_PATH}?by={by}&{condition}".rstrip("&"), f"{by} {shown}"
                before = sum(map(affinity.processor_seconds, pids))
                figures[name] = [expect(client.ask(target)).seconds for _ in range(rounds)]
                spent[name] = (sum(map(affinity.processor_seconds, pids)) - before) / rounds
    report.table(
        "question",
        ["median, ms", "worst, ms", "processor time with MongoDB's, ms"],
        [
            [name, *(f"{one * 1000:.1f}" for one in (statistics.median(times), max(times), spent[name]))]
            for name, times in figures.items()
        ],
    )
    worst = max(map(max, figures.values()))
    report.promise("every question within 100 ms", f"the worst took {worst * 1000:.1f} ms", worst <= _MOST_SECONDS)
    report.promise("memory grows by less than 30 MB", f"{growth.most / _MEGABYTE:.1f} MB", growth.most < 30 * _MEGABYTE)


def _write(stand: Stand, service: Server, report: Report, deals: int) -> None:
    """Measure writers without sums and with them by turns, and the first answers after a change."""
    mongod, database = _mongod(stand), stand.mongodb[_DATABASE]
    stage = next((one["pipeline_id"], two["stage_id"]) for one in database.pipelines.find() for two in one["stages"])
    spent: dict[str, list[float]] = {"without sums": [], "with sums": []}
    after: dict[int, list[float]] = {1: [], deals: []}
    with closing(Storage(stand.mongodb_uri, _DATABASE, 4, UnreadableRecords(), RemoteClock())) as storage:
        for _ in range(_WRITINGS):
            for state, costs in spent.items():
                _answer(service) if state == "with sums" else _give_up(database)
                written = list(loads(deals, datetime.now(UTC), stage))
                before = time.process_time() + affinity.processor_seconds(mongod)
                for start in range(0, deals, _CHUNK):
                    storage.store.save(*written[start : start + _CHUNK])
                costs.append(time.process_time() + affinity.processor_seconds(mongod) - before)
            after[deals].append(_answer(service))
            storage.store.save(*loads(1, datetime.now(UTC), stage))
            after[1].append(_answer(service))
    medians = {state: statistics.median(costs) for state, costs in spent.items()}
    report.table(
        f"writing {deals:,} deals with their activities",
        ["processor time with MongoDB's, s"],
        [
            *([state, f"{seconds:.2f}"] for state, seconds in medians.items()),
            ["ratio", f"{medians['with sums'] / medians['without sums']:.3f}"],
        ],
    )
    report.table(
        "the first answer after a change",
        ["median, ms"],
        [[f"of {count:,} deals", f"{statistics.median(times) * 1000:.0f}"] for count, times in after.items()],
    )


def _mongod(stand: Stand) -> int:
    """Return the process id of the stand's MongoDB."""
    return int(stand.mongodb.admin.command("serverStatus")["pid"])


def _answer(service: Server) -> float:
    """Ask until there is an answer, and return the seconds that it took."""
    began = time.perf_counter()
    while (reply := ask(service.base_url, _PATH)).status == 503:
        time.sleep(0.1)
    expect(reply)
    return time.perf_counter() - began


def _give_up(database: Database[dict[str, Any]]) -> None:
    """Remove the sums, and all traces in the deals."""
    for name in ("activity_sums", "activity_parts"):
        database.drop_collection(name)
    if SUMMED in database.deal_info.index_information():
        database.deal_info.drop_index(SUMMED)
    database.deal_info.update_many({}, {"$unset": {SUMMED: ""}})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.activities", description=__doc__)
    parser.add_argument("--activities", type=int, default=1_000_000, help="how many, one million unless given")
    parser.add_argument("--rounds", type=int, default=20, help="how often each question is asked")
    return parser


if __name__ == "__main__":
    sys.exit(main())
