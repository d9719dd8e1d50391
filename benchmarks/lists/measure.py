"""The measurements of one size of account, each a few numbers."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson
from pymongo.database import Database

from benchmarks.client import Client, Reply, expect
from benchmarks.lists import bare
from benchmarks.lists.deals import Changes
from benchmarks.lists.readers import Growth, reading
from benchmarks.report import percentile
from benchmarks.service import Server

V2 = "/api/hubspot/v2/"
ALL, CSV = f"{V2}all-deals", f"{V2}deal-list?format=csv"
HIT = "/api/hubspot/deal-timeline?dealName=Acme%20renewal"

_FILTERS = (
    *(
        "q=renewal",
        "stage=Contract%20Sent",
        "pipeline=Sales%20Pipeline",
        "owner=910901",
        "open=true",
        "min_amount=20000",
    ),
    *(
        "created_since=2026-01-01",
        "closes_until=2025-01-01",
        "idle_days=30",
        "has_next_activity=true",
        "has_next_activity=false&open=true",
    ),
)
_SORTS = ("name", "amount", "created", "closes", "activities", "last_activity", "updated")
_HIT_PAUSE = 0.001

#: Each filter in each order, with a place for the sign of descending ones.
QUESTIONS = [f"{condition}&sort={{}}{sort}" for condition, sort in itertools.product(_FILTERS, _SORTS)]


#: The rows of a full page.
PAGE = 50

#: How often each question is asked, one after the other and all again: an odd moment falls on one time of many.
_ROUNDS = 15


class Pages(NamedTuple):
    """First pages of the list of deals: the median of all questions and the worst one, in seconds or as ratios.

    ``ratio`` and ``worst_ratio`` are those of full pages, to the bare fetch of their documents; ``short`` is the median
    of the others, None if all are full: there the request itself outweighs the rows.
    ``by_question`` has the seconds of each question after a change.
    """

    usual: float
    worst: float
    ratio: float
    worst_ratio: float
    changed: float
    worst_changed: float
    short: float | None
    by_question: Mapping[str, float]


@dataclass
class Figures:
    """The figures of one size; times in seconds, memory in bytes."""

    deals: int
    ratio: float = 0.0
    ratio_unordered: float = 0.0
    seconds: float = 0.0
    first_byte: float = 0.0
    unchanged: dict[str, float] = field(default_factory=dict)
    short: dict[str, float] = field(default_factory=dict)
    summary_after_change: float = 0.0
    pages: Pages | None = None
    own_pages: Pages | None = None
    currency_pages: Pages | None = None
    csv: float = 0.0
    csv_first_byte: float = 0.0
    hits: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    growth: dict[str, float] = field(default_factory=dict)


def all_deals(service: Server, database: Database[dict[str, Any]], figures: Figures, rounds: int) -> None:
    """Measure the list of all deals and the bare query by turns."""
    ours, ordered, unordered, first = [], [], [], []
    with Client(service.base_url) as client:
        rows = orjson.loads(expect(client.ask(ALL)).body)
        assert len(rows) >= figures.deals, f"{len(rows)} rows"
        for _ in range(rounds):
            ordered.append(bare.all_deals(database))
            reply = expect(client.ask(ALL))
            ours.append(reply.seconds)
            first.append(reply.first_byte)
            unordered.append(bare.all_deals(database, ordered=False))
    figures.seconds, figures.first_byte = statistics.median(ours), statistics.median(first)
    figures.ratio = statistics.median(a / b for a, b in zip(ours, ordered, strict=True))
    figures.ratio_unordered = statistics.median(a / b for a, b in zip(ours, unordered, strict=True))


def small_answers(service: Server, changes: Changes, figures: Figures, rounds: int) -> None:
    """Measure lists that did not change, and the short ones."""
    with Client(service.base_url) as client:
        for name in ("all-deals", "deals?stage=contractsent", "stages", "pipeline-summary"):
            tag = expect(client.ask(V2 + name)).headers["etag"]
            same = [client.ask(V2 + name, if_none_match=tag) for _ in range(rounds)]
            if name.startswith("deals"):  # whose tag changes every minute
                same = [one for one in same if one.status == 304] or same
            figures.unchanged[name] = statistics.median(expect(one, status=304).seconds for one in same)
        for name in ("stages", "pipeline-summary"):
            figures.short[name] = statistics.median(expect(client.ask(V2 + name)).seconds for _ in range(rounds))
        changed = []
        for _ in range(max(3, rounds // 10)):
            changes.make()
            changed.append(expect(client.ask(f"{V2}pipeline-summary")).seconds)
        figures.summary_after_change = statistics.median(changed)


def pages(
    service: Server, database: Database[dict[str, Any]], changes: Changes, questions: Sequence[str] = QUESTIONS
) -> Pages:
    """Measure first pages of the list of deals and the bare fetch of their documents, by turns.

    Args:
        service: answers.
        database: its own.
        changes: make lists have changed before each question.
        questions: filters and orders, with a place for the sign of descending ones.
    """
    asked = [question.format("-" * (number % 2)) for number, question in enumerate(questions)]
    changed: dict[str, float] = {}
    pairs: dict[str, list[tuple[float, float]]] = {one: [] for one in asked}
    with Client(service.base_url) as client:

        def ask(question: str) -> Reply:
            return expect(client.ask(f"{V2}deal-list?{question}"))

        for one in asked:
            changes.make()
            changed[one] = ask(one).seconds
        ids = {one: [deal["deal_id"] for deal in orjson.loads(ask(one).body)["deals"]] for one in asked}
        for one in asked * _ROUNDS:
            pairs[one].append((ask(one).seconds, bare.some_deals(database, ids[one])))
    times = {one: statistics.median(ours for ours, _ in pairs[one]) for one in asked}
    ratios = [statistics.median(a / b for a, b in pairs[one]) for one in asked if len(ids[one]) == PAGE]
    short = [times[one] for one in asked if len(ids[one]) < PAGE]
    every = (times.values(), ratios, changed.values())
    figures = [figure for each in every for figure in (statistics.median(each), max(each))]
    return Pages(*figures, statistics.median(short) if short else None, changed)


def export(service: Server, figures: Figures, rounds: int) -> None:
    """Measure an export of everything as CSV."""
    with Client(service.base_url) as client:
        replies = [expect(client.ask(CSV)) for _ in range(rounds)]
    figures.csv = statistics.median(one.seconds for one in replies)
    figures.csv_first_byte = statistics.median(one.first_byte for one in replies)


def beside(service: Server, figures: Figures, count: int) -> None:
    """Measure hits in memory while nothing else goes on, and beside lists; and the memory that lists take."""
    figures.hits["idle"] = hits(service, count)
    for what, target, clients in (("2 × all-deals", ALL, 2), ("CSV export", CSV, 1)):
        with Growth(service.pid) as growth, reading(service.base_url, target, clients):
            figures.hits[what] = hits(service, count)
        figures.growth[what] = growth.most / clients


def hits(service: Server, count: int) -> tuple[float, float, float]:
    """Return median, 99th percentile and maximum of some hits, one after the other with a pause between."""
    seconds = []
    with Client(service.base_url) as client:
        for _ in range(count):
            seconds.append(expect(client.ask(HIT), "memory").seconds)
            time.sleep(_HIT_PAUSE)
    return statistics.median(seconds), percentile(seconds, 0.99), max(seconds)
