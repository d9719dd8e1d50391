"""A timeline of 60 activities from MongoDB, against the bare PyMongo query that fetches the same documents.

In one process and thread, in turns, one read of each after the other. Ours finds the deal, checks it, reads the events,
makes the view, its JSON and its entity tag; the bare one only has the documents.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

from pymongo.database import Database

from benchmarks.report import Report, spread
from benchmarks.stand import Stand
from benchmarks.wired import wired
from dealcache.model.deals import DealKey, name_key
from dealcache.repositories.documents import DEAL_PROJECTION, EVENT_PROJECTION
from dealcache.tiers import View

_DATABASE = "mongodb_tier"
_DEAL = "Acme renewal"
_READS = 150
_MOST = 1.4


def run(stand: Stand, report: Report, quick: bool) -> None:
    """Measure and report."""
    stand.hubspot.behave(0.0)
    key = DealKey("name", _DEAL)
    with wired(stand, _DATABASE) as parts:
        parts.reader.read(View.TIMELINE, key)
        database = stand.mongodb[_DATABASE]
        deal_id = _same_documents(database, parts.storage.timelines.events)
        rounds = [
            _round(lambda: parts.mongodb.read(View.TIMELINE, key), lambda: _bare(database, deal_id))
            for _ in range(3 if quick else 9)
        ]
    ratio = spread(ours / bare for ours, bare in rounds)
    report.figure("our read", spread(ours * 1000 for ours, _ in rounds).show("0.3f", " ms"))
    report.figure("the bare query", spread(bare * 1000 for _, bare in rounds).show("0.3f", " ms"))
    wording = (
        f"timeline of 60 activities: at most {_MOST:g} times the bare PyMongo query that fetches the same documents"
    )
    report.promise(wording, ratio.show(), ratio.median <= _MOST)


def _bare(database: Database[dict[str, Any]], deal_id: str) -> list[dict[str, Any]]:
    deals = database.deal_info.find(
        {"deal_name_key": name_key(_DEAL), "archived": {"$ne": True}}, DEAL_PROJECTION
    ).to_list()
    order = [("occurred_at", 1), ("engagement_id", 1)]
    return deals + database.deal_timeline.find({"deal_id": deal_id}, EVENT_PROJECTION, sort=order).to_list()


def _same_documents(database: Database[dict[str, Any]], events: Callable[[str], list[Any]]) -> str:
    """The id of the deal, once it is sure that both sides fetch the same 60 documents of its events."""
    deal = database.deal_info.find_one({"deal_name": _DEAL})
    deal_id = str(deal["deal_id"]) if deal else ""
    fetched = [one for one in _bare(database, deal_id) if "engagement_id" in one]
    if len(fetched) != 60 or len(events(deal_id)) != 60:
        raise RuntimeError(f"expected 60 events on both sides, got {len(fetched)} and {len(events(deal_id))}")
    return deal_id


def _round(ours: Callable[[], object], bare: Callable[[], object]) -> tuple[float, float]:
    """The median seconds of each."""
    pairs = [(_seconds(ours), _seconds(bare)) for _ in range(_READS)]
    return statistics.median(one for one, _ in pairs), statistics.median(other for _, other in pairs)


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
