"""The comparison for lists: the bare query that fetches the same documents, and ``orjson.dumps``."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import orjson
from pymongo.database import Database

from benchmarks.lists import SERVER_CORE

_ALL = {"_id": 0} | dict.fromkeys(
    ("deal_id", "deal_name", "create_date", "pipeline_id", "stage_id", "owner_id", "activities.count"), 1
)
_PAGE = {"_id": 0, "deal_name_key": 0, "name_words": 0}
_LIVE = {"archived": False}
_ORDER = [("create_date", -1), ("deal_id", 1)]


@contextmanager
def on_the_server_s_core() -> Iterator[None]:
    """Run this thread where the service runs, which has nothing to do meanwhile."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {SERVER_CORE})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def all_deals(database: Database[dict[str, Any]], ordered: bool = True) -> float:
    """Return the seconds that all deals take, in the list's order or in none."""
    with on_the_server_s_core():
        started = time.perf_counter()
        orjson.dumps(database.deal_info.find(_LIVE, _ALL, sort=_ORDER if ordered else None).to_list())
        return time.perf_counter() - started


def some_deals(database: Database[dict[str, Any]], deal_ids: Sequence[str]) -> float:
    """Return the seconds that the deals with these ids take."""
    with on_the_server_s_core():
        started = time.perf_counter()
        orjson.dumps(database.deal_info.find({"deal_id": {"$in": list(deal_ids)}}, _PAGE).to_list())
        return time.perf_counter() - started
