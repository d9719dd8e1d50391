"""Headers: where an answer came from, conditional requests, other origins, request ids, readiness."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from dealcache.api import operations
from dealcache.api.cross_site import Cors
from dealcache.api.edge import request_id_of
from dealcache.api.responses import cache_status, not_modified, read_headers, server_timing
from dealcache.cluster.status_monitor import Snapshot
from dealcache.reader.answers import Answer, Step, TierOutcome
from dealcache.tiers import Entry
from tests.unit.api.stands import client_of

ENTRY = Entry(200, b"{}", '"tag"', 1000.0, 1600.0, 5000.0, "7", "Acme")


def test_one_member_for_each_tier_asked():
    steps = (Step("memory", TierOutcome.MISS, 0.01), Step("mongodb", TierOutcome.HIT, 2.5))
    answer = Answer(ENTRY, "mongodb", steps)
    assert cache_status(answer, 1000.0) == "dealcache-memory; fwd=miss, dealcache-mongodb; hit"
    assert server_timing(steps) == "memory;dur=0.010, mongodb;dur=2.500"


def test_a_memory_hit_tells_what_is_left_of_its_time():
    answer = Answer(ENTRY, "memory", (Step("memory", TierOutcome.HIT, 0.01),))
    assert cache_status(answer, 1045.5) == "dealcache-memory; hit; ttl=554"


def test_a_stale_answer_says_so_and_what_failed():
    steps = (
        Step("memory", TierOutcome.STALE, 0.0),
        Step("mongodb", TierOutcome.ERROR, 0.0),
        Step("hubspot", TierOutcome.ERROR, 0.0),
    )
    assert cache_status(Answer(ENTRY, "memory", steps, stale=True), 1700.0) == (
        "dealcache-memory; hit; ttl=-100; detail=stale-if-error, "
        "dealcache-mongodb; fwd=miss; detail=failed, dealcache-hubspot; fwd=miss; detail=failed"
    )


def test_age_counts_whole_seconds_and_never_below_zero():
    answer = Answer(ENTRY, "memory", ())
    assert dict(read_headers(answer, 1045.9))["Age"] == "45"
    assert dict(read_headers(answer, 999.0))["Age"] == "0"


def test_how_old_the_data_is():
    known = replace(ENTRY, data_as_of=1_790_000_000.999)
    assert dict(read_headers(Answer(known, "memory", ()), 1045.9))["X-Data-As-Of"] == "2026-09-21T14:13:20Z"
    assert "X-Data-As-Of" not in dict(read_headers(Answer(ENTRY, "memory", ()), 1045.9))


@pytest.mark.parametrize(
    ("header", "known"),
    [
        (None, False),
        ('"tag"', True),
        ('W/"tag"', True),
        ('"other", "tag"', True),
        ("*", True),
        ('"other"', False),
        ("tag", True),
        ("", False),
        ('"ta', False),
    ],
)
def test_which_copies_are_current(header, known):
    assert not_modified(header, '"tag"') is known


def test_other_origins_get_headers_only_if_allowed():
    cors = Cors(frozenset({"https://ui.example"}))
    allowed = dict(cors.headers("https://ui.example"))
    assert allowed["Access-Control-Allow-Origin"] == "https://ui.example"
    assert "X-Cache-Tier" in allowed["Access-Control-Expose-Headers"]
    assert cors.headers("https://evil.example") == [("Vary", "Origin")]
    assert cors.headers(None) == [("Vary", "Origin")]
    assert Cors(frozenset()).headers("https://ui.example") == []
    assert dict(Cors(frozenset({"*"})).headers("https://any.example"))["Access-Control-Allow-Origin"]


def test_a_preflight_is_answered_for_allowed_origins_only():
    cors = Cors(frozenset({"https://ui.example"}))
    allowed = dict(cors.preflight("OPTIONS", "https://ui.example", "GET") or [])
    for name in ("X-Browser-ID", "X-Session-ID", "Authorization", "If-None-Match"):
        assert name in allowed["Access-Control-Allow-Headers"]
    assert cors.preflight("OPTIONS", "https://evil.example", "GET") is None
    assert cors.preflight("OPTIONS", "https://ui.example", None) is None
    assert cors.preflight("GET", "https://ui.example", "GET") is None


@pytest.mark.parametrize("sane", ["abc-123", "a" * 128, "6f1c:2/3+4=5@host.example_6"])
def test_a_sane_request_id_is_taken_over(sane):
    assert request_id_of(sane) == sane


@pytest.mark.parametrize("given", [None, "", "a b", "x" * 129, "a\r\nSet-Cookie: x", "<script>", "é"])
def test_any_other_is_replaced(given):
    made = request_id_of(given)
    assert made != given
    assert len(made) == 32
    assert request_id_of(given) != made


@pytest.mark.parametrize(
    ("mongodb", "hubspot", "status", "missing"),
    [
        (True, True, "ready", []),
        (True, False, "degraded", ["hubspot"]),
        (False, True, "unavailable", ["mongodb"]),
        (False, False, "unavailable", ["mongodb", "hubspot"]),
    ],
)
def test_readiness_needs_mongodb_and_does_without_hubspot(mongodb, hubspot, status, missing):
    client = client_of(
        operations.blueprint,
        dependencies={"mongodb": lambda: mongodb, "hubspot": lambda: hubspot},
        account=SimpleNamespace(verdict=lambda: None),
        status_monitor=SimpleNamespace(request=lambda: 0.0, newest=lambda _asked_at: Snapshot()),
    )
    answer = client.get("/readyz")
    unknown = {"data_as_of": None, "data_age_seconds": None}
    assert answer.get_json() == {"status": status, "missing": missing} | unknown
    assert answer.status_code == (503 if status == "unavailable" else 200)
