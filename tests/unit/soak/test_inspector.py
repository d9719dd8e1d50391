"""The verdicts on answers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import orjson
import pytest

from tests.clocks import ManualClock
from tests.soak.calls import Answer, Call, Failure
from tests.soak.findings import Findings, Statistics, Wrong
from tests.soak.inspector import Inspector
from tests.soak.model import Model, Promise
from tests.soak.outages import Outages, Part
from tests.soak.versions import Shown

DEAL = "7"
CALL = Call("read", "/api/hubspot/deal-info?dealId=7")
PROBLEM = {"type": "about:blank", "title": "t", "status": 503, "detail": "d", "request_id": "r", "error": "d"}
READ = Answer(
    CALL,
    "one",
    200,
    {"x-cache-tier": "memory", "cache-status": "dealcache-memory; hit; ttl=500", "age": "3"},
    b"{}",
    200.0,
    200.1,
)
REFUSAL = replace(READ, status=503, headers={"content-type": "application/problem+json"}, body=orjson.dumps(PROBLEM))


@dataclass
class Bench:
    """An inspector and what it works with; everything happens at about 200."""

    clock: ManualClock = field(default_factory=lambda: ManualClock(199.0))

    def __post_init__(self) -> None:
        self.model = Model([DEAL])
        self.outages = Outages(self.clock)
        self.findings = Findings(self.clock)
        self.statistics = Statistics()
        self.inspector = Inspector(self.outages, self.findings, self.statistics)

    def wrong(self) -> list[Wrong]:
        return [finding.wrong for finding in self.findings.all()]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_an_expected_status_is_accepted_and_counted(bench: Bench) -> None:
    assert bench.inspector.accept(READ, 200, 304) is READ
    assert bench.statistics.outcomes == {("read", "200"): 1}
    assert bench.wrong() == []


@pytest.mark.parametrize("status", [400, 404, 422, 429, 500, 503])
def test_any_other_status_is_an_error(bench: Bench, status: int) -> None:
    refusal = replace(REFUSAL, status=status, body=orjson.dumps(PROBLEM | {"status": status}))
    assert bench.inspector.accept(refusal, 200) is None
    assert bench.wrong() == [Wrong.ERROR]


def test_a_problem_is_excused_while_mongod_is_away(bench: Bench) -> None:
    bench.outages.begin(Part.MONGOD)
    assert bench.inspector.accept(REFUSAL, 200) is None
    assert bench.wrong() == []
    assert bench.statistics.excused == {("read", "503"): 1}


REFRESH = replace(
    REFUSAL,
    call=Call("refresh", "/api/hubspot/deal-info?dealId=7&refresh=true"),
    headers=REFUSAL.headers | {"retry-after": "3"},
)


def test_a_refresh_may_find_the_limits_used_up_while_redis_is_away_and_shortly_after(bench: Bench) -> None:
    outage = bench.outages.begin(Part.REDIS_FROZEN)
    bench.inspector.accept(REFRESH, 200)
    bench.outages.end(outage)
    bench.inspector.accept(replace(REFRESH, begun_at=205.0, ended_at=205.1), 200)
    assert (bench.wrong(), bench.statistics.excused) == ([], {("refresh", "503"): 2})
    bench.inspector.accept(replace(REFRESH, begun_at=212.0, ended_at=212.1), 200)
    assert bench.wrong() == [Wrong.ERROR]


@pytest.mark.parametrize("refusal", [REFUSAL, replace(REFRESH, headers=REFUSAL.headers)])
def test_no_other_refusal_is_excused_by_redis(bench: Bench, refusal: Answer) -> None:
    bench.outages.begin(Part.REDIS_FROZEN)
    bench.inspector.accept(refusal, 200)
    assert bench.wrong() == [Wrong.ERROR]


@pytest.mark.parametrize(
    "refusal",
    [
        replace(REFUSAL, body=orjson.dumps(PROBLEM | {"status": 500}), status=500),
        replace(REFUSAL, headers={"content-type": "text/html"}),
        replace(REFUSAL, body=b"<html>"),
        replace(REFUSAL, body=orjson.dumps({"status": 503})),
        replace(REFUSAL, body=orjson.dumps(PROBLEM | {"status": 502})),
    ],
)
def test_what_is_no_such_problem_is_never_excused(bench: Bench, refusal: Answer) -> None:
    bench.outages.begin(Part.MONGOD)
    bench.inspector.accept(refusal, 200)
    assert bench.wrong() == [Wrong.ERROR]


def test_broken_connections_are_excused_by_what_breaks_them(bench: Bench) -> None:
    failures = [Failure(CALL, "one", reason, 199.5, 200.0) for reason in ("closed", "cut short", "refused")]
    for failure in failures:
        bench.inspector.accept(failure, 200)
    assert bench.wrong() == [Wrong.ERROR] * 3
    bench.outages.begin(Part.INSTANCE, "one")
    for failure in failures:
        bench.inspector.accept(failure, 200)
    assert bench.wrong() == [Wrong.ERROR] * 3


def test_nothing_excuses_that_no_answer_comes(bench: Bench) -> None:
    for part in Part:
        bench.outages.begin(part, "one")
    bench.inspector.accept(Failure(CALL, "one", "timed out", 199.5, 224.5), 200)
    assert bench.wrong() == [Wrong.ERROR]


def test_an_old_read_is_a_finding_that_names_the_promise(bench: Bench) -> None:
    bench.model.begin(DEAL, 190.0)
    bench.model.promise(Promise(DEAL, 1, 195.0, "refresh"))
    bench.inspector.age(bench.model, READ, DEAL, Shown(0, 0), lambda: "worker 12", "info")
    assert bench.wrong() == [Wrong.STALE]
    (finding,) = bench.findings.all()
    assert "worker 12" in finding.text
    assert "version 1 was promised (refresh) 5.000 s before" in finding.text
    assert bench.inspector.checked == {(DEAL, 1, "refresh")}
    assert bench.statistics.longest == {"old value after a promise, with Redis": 5.0}


def test_a_read_that_is_new_enough_is_none(bench: Bench) -> None:
    bench.model.begin(DEAL, 190.0)
    bench.model.promise(Promise(DEAL, 1, 195.0, "refresh"))
    bench.inspector.age(bench.model, READ, DEAL, Shown(1, 1), lambda: "worker 12", "info")
    assert bench.wrong() == []
    assert bench.inspector.checked == {(DEAL, 1, "refresh")}
    assert not bench.statistics.longest


def test_a_version_that_never_was_is_a_finding(bench: Bench) -> None:
    bench.inspector.age(bench.model, READ, DEAL, Shown(0, 1), lambda: "worker 12", "info")
    assert bench.wrong() == [Wrong.IMPOSSIBLE]


@pytest.mark.parametrize("mark", ["stale-if-error", "unsure"])
def test_a_stale_mark_excuses_age_but_must_have_a_reason(bench: Bench, mark: str) -> None:
    marked = replace(
        READ, headers={"x-cache-tier": "memory", "cache-status": f"dealcache-memory; hit; ttl=5; detail={mark}"}
    )
    assert not bench.inspector.tiers(marked)
    assert bench.wrong() == [Wrong.UNNECESSARY_STALE]
    bench.outages.begin(Part.MONGOD)
    assert not bench.inspector.tiers(marked)
    assert bench.wrong() == [Wrong.UNNECESSARY_STALE]
    assert bench.statistics.events == {"answers marked stale": 2}


@pytest.mark.parametrize(
    "status",
    [
        "dealcache-memory; hit; ttl=5",
        "dealcache-memory; fwd=stale; detail=unsure, dealcache-mongodb; hit",
        "dealcache-memory; fwd=miss, dealcache-mongodb; fwd=miss; detail=failed, dealcache-hubspot; hit",
    ],
)
def test_an_answer_without_a_mark_is_judged_by_its_age(bench: Bench, status: str) -> None:
    assert bench.inspector.tiers(replace(READ, headers={"x-cache-tier": "memory", "cache-status": status}))
    assert bench.wrong() == []


def test_a_read_must_say_which_tier_it_came_from(bench: Bench) -> None:
    bench.inspector.tiers(replace(READ, headers={"cache-status": "dealcache-memory; hit"}))
    bench.inspector.tiers(replace(READ, headers={"x-cache-tier": "memory"}))
    assert bench.wrong() == [Wrong.ERROR] * 2


def test_bodies_that_are_not_what_they_should_be_are_errors(bench: Bench) -> None:
    assert bench.inspector.json_of(replace(READ, body=b"<html>")) is None
    assert bench.inspector.shown(READ, "info", {"amount": "x"}) is None
    assert bench.wrong() == [Wrong.ERROR] * 2


def test_a_deal_that_is_read_again_behind_is_not_stale(bench: Bench) -> None:
    status = "dealcache-memory; fwd=miss, dealcache-mongodb; hit; detail=revalidating"
    assert bench.inspector.tiers(replace(READ, headers={"x-cache-tier": "mongodb", "cache-status": status}))
    assert bench.wrong() == []


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ("1970-01-01T00:16:39Z", []),  # the second before version 1 was there
        ("1970-01-01T00:16:41Z", [Wrong.LIE]),
        ("1970-01-01T00:16:41+00:00", [Wrong.ERROR]),
        (None, [Wrong.ERROR]),
    ],
)
def test_an_answer_must_show_what_was_there_by_the_moment_that_it_says(
    bench: Bench, said: str | None, wrong: list[Wrong]
) -> None:
    bench.model.begin(DEAL, 190.0)
    bench.model.made(DEAL, 1, 190.1, 1000.5)
    bench.inspector.data_as_of(bench.model, READ, DEAL, Shown(0, 0), said, "info")
    assert bench.wrong() == wrong
    bench.inspector.data_as_of(bench.model, READ, DEAL, Shown(1, 1), "1970-01-01T00:16:41Z", "info")
    assert bench.wrong() == wrong
