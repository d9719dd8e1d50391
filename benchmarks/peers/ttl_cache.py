"""Flask with cachetools: parsed timelines in a ``TTLCache`` under a lock, encoded by ``jsonify`` for each answer."""

from __future__ import annotations

import threading
from typing import Any

from cachetools import TTLCache, cached
from flask import Flask, Response, jsonify, request

from benchmarks.peers import origin

app = Flask(__name__)

_timelines: TTLCache[str, dict[str, Any]] = TTLCache(maxsize=10_000, ttl=origin.KEPT_SECONDS)


@cached(_timelines, lock=threading.Lock())
def _timeline(deal_name: str) -> dict[str, Any]:
    return origin.fetch_timeline(deal_name)


@app.get("/")
def ready() -> str:
    """Tell that the program is up."""
    return "ready"


@app.get(origin.PATH)
def deal_timeline() -> Response:
    """Show the timeline of a deal."""
    return jsonify(_timeline(request.args["dealName"]))
