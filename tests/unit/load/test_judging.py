"""Which answers are failures, which deals can be asked for, and what a smoke run has to show."""

from __future__ import annotations

import json

import pytest

from benchmarks.load.exchange import fault_of
from benchmarks.load.mix import Call, Kind
from benchmarks.load.page import DRAWS
from benchmarks.load.series import TIERS
from benchmarks.load.smoke import shortcomings
from benchmarks.load.target import usable_names
from tests.unit.load.runs import arrival, run_of, sample

READ = Call("info", "/")
RETURNING = Call("info", "/", headers={"If-None-Match": '"tag"'})
BATCH = Call(Kind.BATCH, "/", "POST")


@pytest.mark.parametrize(
    ("call", "status", "fault"),
    [
        (READ, 200, ""),
        (RETURNING, 304, ""),
        (READ, 304, "304"),
        (READ, 404, "404"),
        (READ, 503, "503"),
        (READ, 301, "301"),
    ],
)
def test_an_answer_is_good_or_its_status_says_why_not(call: Call, status: int, fault: str) -> None:
    assert fault_of(call, status, b"{}") == fault


def test_a_batch_is_good_when_all_its_deals_are() -> None:
    assert fault_of(BATCH, 200, b'{"deals": {"a": {}}, "errors": {}}') == ""
    errors = {"a": {"status": 503}, "b": {"status": 404}, "c": {"status": 503}}
    assert fault_of(BATCH, 200, json.dumps({"deals": {}, "errors": errors}).encode()) == "200 with 404, 503 inside"


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"errors": []}', b'{"errors": {"a": 1}}'])
def test_what_is_no_batch_is_told(body: bytes) -> None:
    assert fault_of(BATCH, 200, body) == "200 with something else than a batch inside"


def test_deals_without_a_name_to_ask_by_are_left_out() -> None:
    names = ["Acme", " Acme ", None, "  ", "x" * 513, "y" * 512, "a\nb", "Müller & Söhne"]
    assert usable_names([{"name": name} for name in names]) == ("Acme", "y" * 512, "Müller & Söhne")


PAGE = " ".join(DRAWS.format(name=name) for name in ("throughput", "latency", "hit-ratio", "generator"))
ALL_KINDS = [arrival(kind=kind) for kind in Kind]


def test_a_run_in_which_everything_was_seen_has_no_shortcomings() -> None:
    assert shortcomings(run_of(*(sample(tier=tier) for tier in TIERS), arrivals=ALL_KINDS), PAGE, TIERS) == []


def test_each_shortcoming_is_told() -> None:
    run = run_of(sample(tier="memory"), sample(tier="mongodb", fault="500"), arrivals=ALL_KINDS[1:])
    page = PAGE.replace("latency", "late")
    assert shortcomings(run, page, TIERS) == [
        "never asked for: page view",
        "1 of 2 requests failed",
        "never answered: redis, hubspot",
        "not drawn in the report: latency",
    ]
