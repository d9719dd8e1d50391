"""The findings about MongoDB."""

from __future__ import annotations

import pytest
from pymongo.errors import OperationFailure

from dealcache.checks.facts import NO_ANSWER
from dealcache.checks.findings import Level
from dealcache.checks.mongodb import Indexes, judge_mongodb
from dealcache.repositories import StoreError, StoreUnavailable

WELL = {"version": "8.0.4", "indexes": Indexes(39, (), False), "write": True}


def refusal(code: int) -> StoreError:
    """An error as the connection makes it of one of the driver's."""
    error = StoreError("MongoDB refused an operation")
    error.__cause__ = OperationFailure("no", code)
    return error


def test_all_is_well():
    findings = judge_mongodb(WELL, "deals")
    assert [one.level for one in findings] == [Level.OK] * 3
    assert "8.0.4" in findings[0].line()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (NO_ANSWER, "no answer in time; start it, or set MONGODB_URI"),
        (StoreUnavailable("MongoDB does not answer"), "MongoDB does not answer; start it, or set MONGODB_URI"),
        (refusal(18), "the password; correct them in MONGODB_URI"),
        (refusal(7), "see MongoDB's log"),
    ],
)
def test_what_cannot_be_used_is_one_finding(error, said):
    (finding,) = judge_mongodb(WELL | {"version": error}, "deals")
    assert finding.level is Level.FAILED
    assert said in finding.line()


@pytest.mark.parametrize(
    ("question", "answer", "level", "said"),
    [
        ("version", "4.2.24", Level.FAILED, "use 4.4 or a later one"),
        ("version", "10.0", Level.OK, "10.0"),
        ("indexes", Indexes(39, ("deal_info.deal", "workers.expiry"), False), Level.WARNING, "2 of 39 are missing"),
        ("indexes", Indexes(39, ("deal_info.deal",) * 39, True), Level.OK, "'deals' is new"),
        ("indexes", refusal(13), Level.FAILED, "role readWrite on the database 'deals'"),
        ("write", refusal(13), Level.FAILED, "role readWrite on the database 'deals'"),
        ("write", NO_ANSWER, Level.FAILED, "no answer in time; see whether MongoDB has a primary, free disk space"),
        ("write", refusal(14031), Level.FAILED, "free disk space"),
    ],
)
def test_each_answer_has_its_finding(question, answer, level, said):
    findings = judge_mongodb(WELL | {question: answer}, "deals")
    assert len(findings) == 3
    (finding,) = [one for one in findings if said in one.line()]
    assert finding.level is level
