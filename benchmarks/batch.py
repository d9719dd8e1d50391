"""A hundred deals in one batch: from memory, from MongoDB, and cold from a HubSpot that takes 200 ms for each call.

From memory in this process, around the WSGI application: what the server itself takes. From MongoDB over HTTP, beside
a hundred single reads of the same deals. Cold: with ten activities each and without request limits the depth tells
how much of the time is waiting; with names so long that the searches reach HubSpot's limit, the limit must decide.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from math import ceil

from flask import Flask
from werkzeug.test import create_environ

from benchmarks.client import Client, Reply, ask, expect, target_of
from benchmarks.hubspot import counts_of, depth_of
from benchmarks.report import Report, spread
from benchmarks.service import Server
from benchmarks.stand import Stand
from benchmarks.wired import wired_app
from dealcache.model.deals import ENGAGEMENT_TYPES

LATENCY = 0.2
COUNT = 100
#: Ten activities of each deal: one of each type, and three notes more.
_ACTIVITIES = [*ENGAGEMENT_TYPES, "notes", "notes", "notes"]
_NAMES = [f"Batch {number:02} renewal" for number in range(COUNT)]
#: Five of them fill a search.
_LONG_NAMES = [f"{number:02} ".ljust(512, "x") for number in range(COUNT)]
_SEARCHES_PER_SECOND = 5
_DATABASE, _IN_PROCESS = "batch", "batch_in_process"
_PATH = "/api/hubspot/deals-batch"
#: A hundred of each type fill a batch.
_FEWEST = Counter(search=1, associations=len(ENGAGEMENT_TYPES), batch_read=len(_ACTIVITIES) * COUNT // 100)


def run(stand: Stand, report: Report, quick: bool) -> None:
    """Measure and report."""
    stand.hubspot.behave(LATENCY)
    stand.hubspot.limit(False)
    _make_deals(stand)
    service = stand.service(_DATABASE)
    try:
        expect(ask(service.base_url, target_of("Acme renewal")))  # owners and pipelines are known from now on
        _cold(stand, report, service, rounds=2 if quick else 5)
        _stored(stand, report, service, rounds=3 if quick else 9)
        _limited(stand, report, service)
    finally:
        service.stop()
    stand.hubspot.behave(0.0)
    _cached(stand, report, rounds=100 if quick else 500)


def _make_deals(stand: Stand) -> None:
    """Add the deals to HubSpot, those of long names without activities."""
    stand.hubspot.change([{"do": "add_deal", "name": name} for name in (*_NAMES, *_LONG_NAMES)])
    ids = {deal["name"]: str(deal["id"]) for deal in stand.hubspot.deals()}
    stand.hubspot.change(
        [{"do": "add_activity", "object_type": kind, "deals": [ids[name]]} for name in _NAMES for kind in _ACTIVITIES]
    )


def _body(names: Sequence[str]) -> bytes:
    return json.dumps({"deal_names": list(names)}).encode()


def _ask(service: Server, names: Sequence[str] = _NAMES, **headers: str) -> Reply:
    """Ask for all of the deals, and make sure that they came."""
    reply = ask(service.base_url, _PATH, "POST", _body(names), content_type="application/json", **headers)
    found = len(json.loads(expect(reply).body)["deals"])
    if found != len(names):
        raise RuntimeError(f"{found} deals of {len(names)} came: {reply.body[-300:]!r}")
    return reply


def _cold(stand: Stand, report: Report, service: Server, rounds: int) -> None:
    walls, depths, calls = [], [], []
    for _ in range(rounds):
        stand.make_cold(service, _DATABASE)
        mark = stand.hubspot.mark()
        walls.append(_ask(service).seconds / LATENCY)
        made = stand.hubspot.calls_since(mark)
        depths.append(depth_of(made))
        calls.append(counts_of(made))
    wrong = [dict(one) for one in calls if one != _FEWEST]
    wording = f"100 cold deals with 10 activities each: the fewest calls possible, {dict(_FEWEST)}"
    report.promise(wording, str(wrong[0]) if wrong else f"exactly, in {rounds} rounds", not wrong)
    depth, wall = max(depths), spread(walls)
    report.promise("100 cold deals: as deep as one, three round trips", str(depth), depth <= 3)
    wording = "100 cold deals: wall at most 5 times the latency: three to wait, the rest to store them"
    report.promise(wording, wall.show(), wall.median <= 5.0)


def _stored(stand: Stand, report: Report, service: Server, rounds: int) -> None:
    """From MongoDB: the queries as its profiler counts them, and the time beside single reads."""
    database = stand.mongodb[_DATABASE]
    database.command("profile", 2)
    _ask(service, cache_control="no-cache")
    database.command("profile", 0)
    asked = database["system.profile"].count_documents({"ns": {"$regex": "deal_"}, "op": {"$in": ["query", "command"]}})
    report.promise("100 deals from MongoDB: at most 4 queries", str(asked), 0 < asked <= 4)
    batches, singles = [], []
    with Client(service.base_url) as client:
        for _ in range(rounds):
            batches.append(_ask(service, cache_control="no-cache").seconds)
            views = [target_of(name, view) for name in _NAMES for view in ("deal-info", "deal-activities-count")]
            replies = (client.ask(view, cache_control="no-cache") for view in views)
            singles.append(sum(expect(reply, tier="mongodb").seconds for reply in replies))
    report.figure("100 deals from MongoDB in one batch", spread(one * 1000 for one in batches).show(".1f", " ms"))
    report.figure("the same by 200 single reads", spread(one * 1000 for one in singles).show(".0f", " ms"))
    ratio = spread(batch / single for batch, single in zip(batches, singles, strict=True))
    report.promise("at most a quarter of the time of single reads", ratio.show(), ratio.median <= 0.25)


def _limited(stand: Stand, report: Report, service: Server) -> None:
    stand.hubspot.limit(True)
    stand.make_cold(service, _DATABASE)
    time.sleep(1.1)  # for the service's own count of searches to be at zero too
    mark = stand.hubspot.mark()
    wall = _ask(service, _LONG_NAMES).seconds
    made = stand.hubspot.calls_since(mark)
    refused = [call for call in made if call["status"] not in (200, 207)]
    searches = counts_of(made)["search"]
    least = (ceil(searches / _SEARCHES_PER_SECOND) - 1) + 2 * LATENCY
    wording = f"100 names of 512 characters: {COUNT // 5} searches, none refused"
    report.promise(wording, f"{searches}, {len(refused)} refused", searches == COUNT // 5 and not refused)
    wording = f"and at most 1.25 times the {least:.1f} s that HubSpot's limit of searches leaves"
    report.promise(wording, f"{wall:.2f} s, {wall / least:.2f}", wall <= 1.25 * least)


def _cached(stand: Stand, report: Report, rounds: int) -> None:
    """From memory: around the WSGI application, as gunicorn calls it."""
    with wired_app(stand, _IN_PROCESS) as app:
        first, _ = _serve(app)
        if len(json.loads(first)["deals"]) != COUNT:
            raise RuntimeError(f"not all deals came: {first[-300:]!r}")
        seconds = []
        for _ in range(rounds):
            content, taken = _serve(app)
            seconds.append(taken)
            if content != first:
                raise RuntimeError("an answer differs from the first")
    milliseconds = spread(one * 1000 for one in seconds)
    wording = "100 deals from memory: less than 5 ms of server time"
    report.promise(wording, milliseconds.show(".2f", " ms"), milliseconds.median < 5.0)


def _serve(app: Flask) -> tuple[bytes, float]:
    """The body of one batch, and the seconds that the application took for it."""
    environ = create_environ(_PATH, method="POST", data=_body(_NAMES), content_type="application/json")
    started = time.perf_counter()
    content = b"".join(app.wsgi_app(environ, lambda *_: lambda _data: None))
    return content, time.perf_counter() - started
