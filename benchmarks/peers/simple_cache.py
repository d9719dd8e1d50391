"""Flask with Flask-Caching's ``SimpleCache``: whole answers, kept in this process by the request's query."""

from __future__ import annotations

from flask import Flask, Response, jsonify, request
from flask_caching import Cache

from benchmarks.peers import origin

app = Flask(__name__)
cache = Cache(
    app,
    config={
        "CACHE_TYPE": "SimpleCache",
        "CACHE_DEFAULT_TIMEOUT": origin.KEPT_SECONDS,
        "CACHE_THRESHOLD": 10_000,
    },
)


@app.get("/")
def ready() -> str:
    """Tell that the program is up."""
    return "ready"


@app.get(origin.PATH)
@cache.cached(query_string=True)
def deal_timeline() -> Response:
    """Show the timeline of a deal."""
    return jsonify(origin.fetch_timeline(request.args["dealName"]))
