"""``python -m benchmarks.lists``: measures lists of growing accounts, and cached reads beside them."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from pymongo.database import Database

from benchmarks import affinity, frame
from benchmarks.client import ask, expect
from benchmarks.lists import OTHER_CORES, SERVER_CORE, measure, own_properties
from benchmarks.lists.deals import Changes, fill, give_currencies
from benchmarks.lists.measure import Figures, Pages
from benchmarks.lists.table import judge, judge_growth, judge_pages, show
from benchmarks.report import Report
from benchmarks.service import Server
from benchmarks.stand import Stand
from dealcache.repositories import Connection


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; see :func:`.frame.run`."""
    return frame.run(_parser(), arguments, _run)


def _run(options: argparse.Namespace, report: Report) -> None:
    os.sched_setaffinity(0, OTHER_CORES)
    sizes: list[Figures] = []
    with Stand() as stand:
        usual = (1_000, 20_000) if options.quick else (1_000, 20_000, 100_000)
        for deals in options.deals or usual:
            report.heading(f"{deals:,} deals")
            try:
                if options.own_properties:
                    pages = _own_pages(stand, deals, options.quick)
                    judge_pages(report, "deal-list with own properties", pages, options.slowest)
                    continue
                if options.currencies:
                    pages = _currency_pages(stand, deals, options.quick)
                    judge_pages(report, "deal-list in three currencies", pages, options.slowest)
                    continue
                sizes.append(_measure(stand, deals, options.quick))
                sizes[-1].own_pages = _own_pages(stand, deals, options.quick)
                sizes[-1].currency_pages = _currency_pages(stand, deals, options.quick)
                judge(report, sizes[-1], options.slowest)
            except Exception as error:  # noqa: BLE001 - one size that cannot run must not hide what the others find
                report.failure(f"{deals:,} deals", error)
    if len(sizes) > 2:
        judge_growth(report, *sizes[-2:])
    if sizes:
        report.heading("All figures")
        show(report, sizes)


def _measure(stand: Stand, deals: int, quick: bool) -> Figures:
    name = f"lists_{deals}"
    service = stand.service(name)
    try:
        database = stand.mongodb[name]
        expect(ask(service.base_url, measure.HIT))
        fill(database, deals)
        _show(database, service)
        affinity.pin(service.pid, {SERVER_CORE})
        figures, rounds = Figures(deals), 5 if quick else 9
        measure.all_deals(service, database, figures, rounds)
        with closing(Connection(stand.mongodb_uri, name)) as connection:
            changes = Changes(connection)
            measure.small_answers(service, changes, figures, rounds * 10)
            figures.pages = measure.pages(service, database, changes, measure.QUESTIONS[:: 5 if quick else 1])
        measure.export(service, figures, 3)
        measure.beside(service, figures, 1_500 if quick else 4_000)
        return figures
    finally:
        service.stop()
        stand.mongodb.drop_database(name)


def _own_pages(stand: Stand, deals: int, quick: bool) -> Pages:
    """Measure first pages of a service that shows own properties, by which deals are found and sorted."""
    name = f"lists_{deals}_own"
    service = stand.service(name, **own_properties.ENVIRON)
    try:
        own_properties.wait(service)
        fill(stand.mongodb[name], deals, own_properties.values)
        _show(stand.mongodb[name], service)
        affinity.pin(service.pid, {SERVER_CORE})
        with closing(Connection(stand.mongodb_uri, name)) as connection:
            questions = own_properties.QUESTIONS[:: 5 if quick else 1]
            return measure.pages(service, stand.mongodb[name], Changes(connection), questions)
    finally:
        service.stop()
        stand.mongodb.drop_database(name)


def _currency_pages(stand: Stand, deals: int, quick: bool) -> Pages:
    """Measure first pages of deals in three currencies, with their totals in each."""
    name = f"lists_{deals}_currencies"
    service = stand.service(name)
    try:
        expect(ask(service.base_url, measure.HIT))
        fill(stand.mongodb[name], deals)
        give_currencies(stand.mongodb[name])
        _show(stand.mongodb[name], service)
        affinity.pin(service.pid, {SERVER_CORE})
        with closing(Connection(stand.mongodb_uri, name)) as connection:
            questions = measure.QUESTIONS[:: 5 if quick else 1]
            return measure.pages(service, stand.mongodb[name], Changes(connection), questions)
    finally:
        service.stop()
        stand.mongodb.drop_database(name)


def _show(database: Database[dict[str, Any]], service: Server) -> None:
    """Let the service see that there are other deals, and add them all up, which later changes keep up to date."""
    database.list_state.update_one({"_id": "deals"}, {"$inc": {"version": 1}}, upsert=True)
    expect(ask(service.base_url, f"{measure.V2}pipeline-summary"))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lists", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="accounts of 1,000 and 20,000 deals only")
    parser.add_argument("--own-properties", action="store_true", help="only pages of deals with own properties")
    parser.add_argument("--currencies", action="store_true", help="only pages of deals in three currencies")
    parser.add_argument("--deals", type=int, action="append", metavar="N", help="only accounts of N deals; repeatable")
    slowest = "print the N questions that take longest after a change"
    parser.add_argument("--slowest", type=int, default=0, metavar="N", help=slowest)
    return parser


if __name__ == "__main__":
    sys.exit(main())
