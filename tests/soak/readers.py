"""Those who only read: a web UI, callers of batches, and readers of MongoDB."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from random import Random
from typing import NamedTuple

import orjson

from tests.soak.calls import Answer, Call, Connection
from tests.soak.findings import Wrong
from tests.soak.model import JOURNALED
from tests.soak.outages import Part
from tests.soak.stage import MONGODB_ONLY, TIERS, Lines, Stage, reading
from tests.soak.versions import VIEWS, Shown, Specimen, annotation_in

#: How often a reader looks at a deal of which something was promised a moment ago, and what a moment is, in seconds.
_CURIOUS, _LATELY = 0.6, 1.5

_BY = ("dealName", "dealId")


def choose(stage: Stage, random: Random) -> Specimen:
    """A deal to read: any, but with a liking for those that have just changed."""
    now = stage.clock()
    lately = [*stage.model.promised_lately(now, _LATELY), *stage.annotations.promised_lately(now, _LATELY)]
    if lately and random.random() < _CURIOUS:
        wanted = random.choice(lately)
        return next(deal for deal in stage.site.deals if deal.deal_id == wanted)
    return random.choice(stage.site.deals)


class _Kept(NamedTuple):
    """The last answer to one path: its entity tag, and what it showed."""

    etag: str
    shown: Shown
    annotation: int | None


class Viewer:
    """Opens one deal after the other as the web UI does: the three views at once, and asks whether they have changed.

    Args:
        stage: what all share.
        random: decides what is looked at.
    """

    def __init__(self, stage: Stage, random: Random) -> None:
        self._stage = stage
        self._random = random
        self._lines = Lines(stage, random, width=len(VIEWS))
        self._kept: dict[str, _Kept] = {}

    def act(self) -> float:
        """Open one deal."""
        deal, by = choose(self._stage, self._random), self._random.choice(_BY)
        lines = self._lines.several()
        for connection, view in zip(lines, VIEWS, strict=True):
            connection.send(self._call(view, deal, by))
        for connection, view in zip(lines, VIEWS, strict=True):
            answer = self._stage.inspector.accept(connection.receive(), 200, 304)
            if answer is not None:
                self._judge(answer, view, deal, connection)
        return self._random.uniform(0.03, 0.12)

    def _call(self, view: str, deal: Specimen, by: str) -> Call:
        call = reading("read", TIERS, view, deal, by)
        kept = self._kept.get(call.path)
        if kept is None or self._random.random() < 0.5:
            return call
        return reading("read", TIERS, view, deal, by, {"If-None-Match": kept.etag})

    def _judge(self, answer: Answer, view: str, deal: Specimen, connection: Connection) -> None:
        stage = self._stage
        if not stage.inspector.tiers(answer):
            return
        if answer.status == 304:
            kept = self._kept[answer.call.path]
            who, what = partial(stage.who, connection), f"{view} of {deal.name!r}, by a 304,"
            said = answer.headers.get("x-data-as-of")
            stage.inspector.data_as_of(stage.model, answer, deal.deal_id, kept.shown, said, what)
            stage.inspector.age(stage.model, answer, deal.deal_id, kept.shown, who, what)
        else:
            body = stage.inspector.json_of(answer)
            shown = stage.judge_view(answer, view, body, deal, connection)
            if shown is None:
                return
            annotation = annotation_in(body) if view == "timeline" else None
            kept = self._kept[answer.call.path] = _Kept(answer.headers.get("etag", ""), shown, annotation)
        if view == "timeline":
            judge_annotation(stage, answer, kept.annotation, deal, connection)


def judge_annotation(
    stage: Stage, answer: Answer, annotation: int | None, deal: Specimen, connection: Connection
) -> None:
    """Judge the age of what another system has written into MongoDB; what came past MongoDB does not have it."""
    if annotation is None:
        if stage.annotations.newest()[deal.deal_id]:
            down = stage.outages.excuse_failing_store(answer.begun_at, answer.ended_at)
            when = "MongoDB was down" if down else "MongoDB was there"
            stage.statistics.count(f"timelines without what another system wrote, {when}")
        return
    shown, who = Shown(annotation, annotation), partial(stage.who, connection)
    stage.inspector.age(stage.annotations, answer, deal.deal_id, shown, who, f"annotation of {deal.name!r}")


class BatchReader:
    """Reads many deals with one call.

    Args:
        stage: what all share.
        random: decides which.
    """

    def __init__(self, stage: Stage, random: Random) -> None:
        self._stage = stage
        self._random = random
        self._lines = Lines(stage, random)

    def act(self) -> float:
        """Make one call."""
        deals = self._random.sample(self._stage.site.deals, self._random.randint(1, len(self._stage.site.deals)))
        connection = self._lines.one()
        read_batch(self._stage, connection, deals)
        return self._random.uniform(0.3, 0.7)


def read_batch(stage: Stage, connection: Connection, deals: Sequence[Specimen]) -> dict[str, int]:
    """Read all views of some deals with one call, and judge them; the oldest version of each deal that was shown."""
    body = orjson.dumps({"deal_names": [deal.name for deal in deals], "include": list(VIEWS)})
    call = Call("batch", f"{TIERS}/deals-batch", "POST", {"Content-Type": "application/json"}, body)
    answer = stage.inspector.accept(connection.ask(call), 200)
    told = stage.inspector.json_of(answer) if answer is not None else None
    if answer is None or not isinstance(told, dict):
        return {}
    shown: dict[str, int] = {}
    for deal in deals:
        views = told.get("deals", {}).get(deal.name)
        if views is None:
            _judge_missing(stage, answer, deal, told.get("errors", {}).get(deal.name))
            continue
        for view in VIEWS:
            one = stage.judge_view(answer, view, views.get(view), deal, connection, as_of=views.get("as_of"))
            if one is not None:
                shown[deal.deal_id] = min(one.oldest, shown.get(deal.deal_id, one.oldest))
    return shown


def _judge_missing(stage: Stage, answer: Answer, deal: Specimen, error: object) -> None:
    """A deal may be missing for the reasons for which a single read may fail."""
    status = error.get("status") if isinstance(error, dict) else None
    if status in {502, 503, 504} and stage.outages.excuse_failing_store(answer.begun_at, answer.ended_at):
        stage.statistics.excuse("deal in a batch", str(status))
        return
    stage.findings.add(Wrong.ERROR, f"{deal.name!r} is missing in a batch of {answer.instance}: {error}")


class StoreReader:
    """Reads MongoDB, past the caches: what it sees there is what a clear promises to all.

    Args:
        stage: what all share.
        random: decides what is read.
    """

    def __init__(self, stage: Stage, random: Random) -> None:
        self._stage = stage
        self._random = random
        self._lines = Lines(stage, random)

    def act(self) -> float:
        """Make one call."""
        deal, by, view = choose(self._stage, self._random), self._random.choice(_BY), self._random.choice(list(VIEWS))
        connection = self._lines.one()
        if self._random.random() < 0.3:
            call = reading("read no-cache", TIERS, view, deal, by, {"Cache-Control": "no-cache"})
            answer = self._stage.inspector.accept(connection.ask(call), 200)
            if answer is not None and self._stage.inspector.tiers(answer):
                self._judge(answer, view, deal, connection, answer.headers["x-cache-tier"] == "mongodb")
        else:
            read_mongodb(self._stage, connection, view, deal, by)
        return self._random.uniform(0.05, 0.15)

    def _judge(self, answer: Answer, view: str, deal: Specimen, connection: Connection, from_mongodb: bool) -> None:
        body = self._stage.inspector.json_of(answer)
        shown = self._stage.judge_view(answer, view, body, deal, connection, at_once=from_mongodb)
        if shown is not None and from_mongodb:
            note_seen(self._stage, answer, deal, view, shown)


def read_mongodb(stage: Stage, connection: Connection, view: str, deal: Specimen, by: str) -> int | None:
    """Read a view of a deal from MongoDB, and judge it; the version that it shows, None when it cannot be had."""
    answer = stage.inspector.accept(connection.ask(reading("read v2", MONGODB_ONLY, view, deal, by)), 200)
    if answer is None:
        return None
    shown = stage.judge_view(answer, view, stage.inspector.json_of(answer), deal, connection, at_once=True)
    if shown is None:
        return None
    note_seen(stage, answer, deal, view, shown)
    return shown.oldest


def note_seen(stage: Stage, answer: Answer, deal: Specimen, view: str, shown: Shown) -> None:
    """Note what a view of MongoDB shows, unless a crash may have taken it back."""
    if not stage.outages.touched({Part.MONGOD}, answer.begun_at, answer.ended_at + JOURNALED):
        stage.model.saw_in_mongodb(deal.deal_id, view, shown.oldest, answer.ended_at)
