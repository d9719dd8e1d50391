"""Judges every answer: whether it has the form of the contract, may have failed, and is not too old."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson

from tests.soak.calls import Answer, Failure, Outcome
from tests.soak.findings import Findings, Statistics, Wrong
from tests.soak.model import BOUND, Judgement, Model
from tests.soak.outages import MONGOD_SETTLES, REDIS_GONE, Outages, Part
from tests.soak.versions import MisshapenError, Shown, shown_by

_TIERS = frozenset({"memory", "redis", "mongodb", "hubspot"})
_STORE_FAILURES = frozenset({502, 503, 504})
_PROBLEM_MEMBERS = frozenset({"type", "title", "status", "detail", "request_id", "error"})
#: How an answer says that it is past its time, or may be, and served because everything below failed.
_STALE_MARK = re.compile(r"\bhit\b[^,]*; detail=(?!revalidating)")
#: Seconds until workers hear a Redis that is back: pauses of their connections.
_REDIS_SETTLES = 5.0
#: Seconds within which every worker knows of a clear while Redis lives, by the contract; here it is only measured.
_SOON = 0.1

Who = Callable[[], str]


class Inspector:
    """Turns outcomes of calls into findings and counts.

    Args:
        outages: what was disturbed when.
        findings: takes what is wrong.
        statistics: takes the counts.
        has_redis: whether there is a Redis at all.
    """

    def __init__(self, outages: Outages, findings: Findings, statistics: Statistics, *, has_redis: bool = True) -> None:
        self._outages = outages
        self._findings = findings
        self._statistics = statistics
        self._has_redis = has_redis
        #: The promises that at least one read was held to.
        self.checked: set[tuple[str, int, str]] = set()

    def accept(self, outcome: Outcome, *expected: int) -> Answer | None:
        """The answer, if it has one of the expected statuses; everything else is judged here."""
        call = outcome.call
        shown = str(outcome.status) if isinstance(outcome, Answer) else outcome.reason
        self._statistics.outcome(call.what, shown, outcome.ended_at - outcome.begun_at)
        if isinstance(outcome, Failure):
            self._judge_failure(outcome)
            return None
        if outcome.status in expected:
            return outcome
        self._judge_refusal(outcome)
        return None

    def _judge_failure(self, failure: Failure) -> None:
        excuse = {
            "refused": self._outages.excuse_refused_connection,
            "closed": self._outages.excuse_lost_connection,
            "cut short": self._outages.excuse_lost_connection,
        }.get(failure.reason)
        if excuse is not None and excuse(failure.instance, failure.begun_at, failure.ended_at):
            self._statistics.excuse(failure.call.what, failure.reason)
            return
        took = failure.ended_at - failure.begun_at
        self._error(f"{failure.call.method} {failure.call.path} of {failure.instance}: {failure.reason}, {took:.3f} s")

    def _judge_refusal(self, answer: Answer) -> None:
        excused = self._outages.excuse_failing_store(answer.begun_at, answer.ended_at)
        if answer.call.what == "refresh" and answer.status == 503 and "retry-after" in answer.headers:
            excused = excused or self._outages.excuse_used_up_share(answer.begun_at, answer.ended_at)
        if answer.status in _STORE_FAILURES and is_problem(answer) and excused:
            self._statistics.excuse(answer.call.what, str(answer.status))
            return
        self._error(
            f"{answer.call.method} {answer.call.path} of {answer.instance}: {answer.status} "
            f"{answer.headers.get('content-type')} {answer.body[:300]!r}"
        )

    def _error(self, text: str) -> None:
        self._findings.add(Wrong.ERROR, text)

    def json_of(self, answer: Answer) -> Any:
        """The body of an accepted answer, None when it is no JSON."""
        try:
            return answer.json()
        except orjson.JSONDecodeError as error:
            self._error(f"{answer.call.path} of {answer.instance}: {error}: {answer.body[:300]!r}")
            return None

    def shown(self, answer: Answer, view: str, body: Any) -> Shown | None:
        """The versions that a body shows, None when it is not what it should be."""
        try:
            return shown_by(view, body)
        except MisshapenError as error:
            self._error(f"{answer.call.path} of {answer.instance}: {error}")
            return None

    def tiers(self, answer: Answer) -> bool:
        """Judge the headers of a read through the tiers; whether its age is to be judged too."""
        tier, status = answer.headers.get("x-cache-tier", ""), answer.headers.get("cache-status", "")
        self._statistics.tier(tier)
        if tier not in _TIERS or not status:
            self._error(f"{answer.call.path} of {answer.instance}: X-Cache-Tier {tier!r}, Cache-Status {status!r}")
        if not _STALE_MARK.search(status):
            return True
        self._statistics.count("answers marked stale")
        if not self._outages.touched({Part.MONGOD}, answer.begun_at, answer.ended_at, settle=MONGOD_SETTLES):
            self._findings.add(Wrong.UNNECESSARY_STALE, f"{answer.call.path} of {answer.instance}: {status}")
        return False

    def age(
        self, model: Model, answer: Answer, deal_id: str, shown: Shown, who: Who, what: str, *, at_once: bool = False
    ) -> None:
        """Judge how old a read is.

        Args:
            model: what readers are owed.
            answer: the read.
            deal_id: its deal.
            shown: what it showed.
            who: tells, if it must be told, who answered.
            what: what was read, for the report.
            at_once: see :meth:`~tests.soak.model.Model.judge`.
        """
        judged = model.judge(deal_id, shown, answer.begun_at, at_once=at_once)
        if judged.owed is not None:
            self.checked.add((deal_id, judged.owed.version, judged.owed.kind))
        self._note_late(answer, judged)
        if judged.fine:
            return
        seen = f"{what} by {answer.call.path} of {who()}: {shown}; {answer.headers.get('cache-status')}"
        if judged.impossible:
            self._findings.add(Wrong.IMPOSSIBLE, f"{seen}, but it never was")
        if judged.broken is not None:
            owed = judged.broken
            self._findings.add(
                Wrong.STALE,
                f"{seen}, Age {answer.headers.get('age')}; version {owed.version} was promised ({owed.kind}) "
                f"{answer.begun_at - owed.at:.3f} s before{', at once' if at_once else ''}",
            )

    def data_as_of(self, model: Model, answer: Answer, deal_id: str, shown: Shown, said: str | None, what: str) -> None:
        """Judge what an answer says of the age of its data: it must show every version that was there by then.

        Args:
            model: the versions.
            answer: the read.
            deal_id: its deal.
            shown: what it showed.
            said: the moment that it tells.
            what: what was read, for the report.
        """
        try:
            moment = datetime.strptime(said or "", "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
        except ValueError:
            self._error(f"{what} by {answer.call.path} of {answer.instance}: its data is as of {said!r}")
            return
        self._statistics.count("moments of data judged")
        if (owed := model.made_by(deal_id, moment)) > shown.oldest:
            text = f"{what} by {answer.call.path} of {answer.instance}: {shown} as of {said}; version {owed} was there"
            self._findings.add(Wrong.LIE, f"{text}; {answer.headers.get('cache-status')}")

    def _note_late(self, answer: Answer, judged: Judgement) -> None:
        """Count reads after a promise while it need not hold yet, and how long the old value was to be had."""
        if judged.since > BOUND and not judged.late:
            return
        promised_at = answer.begun_at - (judged.late or judged.since)
        gone = self._outages.touched(REDIS_GONE, promised_at, answer.begun_at, settle=_REDIS_SETTLES)
        redis = "without Redis" if gone or not self._has_redis else "with Redis"
        self._statistics.count(f"reads within a second after a promise, {redis}")
        if judged.late:
            self._statistics.count(f"reads of the old value after a promise, {redis}")
            self._statistics.delayed(f"old value after a promise, {redis}", judged.late)
        if judged.late > _SOON:
            self._statistics.count(f"reads of the old value more than {1000 * _SOON:g} ms after a promise, {redis}")


def is_problem(answer: Answer) -> bool:
    """Return True if an answer is a problem as the contract wants it."""
    if answer.headers.get("content-type") != "application/problem+json":
        return False
    try:
        problem = answer.json()
    except orjson.JSONDecodeError:
        return False
    return isinstance(problem, dict) and problem.keys() >= _PROBLEM_MEMBERS and problem["status"] == answer.status
