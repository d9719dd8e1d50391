"""Those who clear the cache, after another system has written into MongoDB what only a clear brings to readers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from random import Random
from typing import Any

import pymongo
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from tests.soak.calls import Answer, Call, Connection, with_query
from tests.soak.findings import Wrong
from tests.soak.model import Promise
from tests.soak.outages import Part
from tests.soak.stage import TIERS, Lines, Stage, reading
from tests.soak.versions import Specimen, annotation_in

#: One clear in so many is for all deals.
_ALL = 12


class Clearer:
    """Writes beside the marker of a deal, as the systems do that judge sentiments, and clears the deal, or all.

    Args:
        stage: what all share.
        random: decides which deal.
        deals: those that nobody else annotates.
        mongodb_uri: where to write.
    """

    def __init__(self, stage: Stage, random: Random, deals: Sequence[Specimen], mongodb_uri: str) -> None:
        self._stage = stage
        self._random = random
        self._deals = deals
        self._lines = Lines(stage, random)
        self._client: MongoClient[dict[str, Any]] = MongoClient(
            mongodb_uri, w="majority", journal=True, serverSelectionTimeoutMS=500, connectTimeoutMS=500
        )

    def act(self) -> float:
        """Annotate a deal, and clear."""
        deal = self._random.choice(self._deals)
        if self._annotated(deal):
            self._clear(deal, everything=self._random.randrange(_ALL) == 0)
        return self._random.uniform(0.4, 1.2)

    def _annotated(self, deal: Specimen) -> bool:
        stage = self._stage
        begun_at = stage.clock()
        number = stage.annotations.begin(deal.deal_id, begun_at)
        marker = {"deal_id": deal.deal_id, "engagement_type": "meetings", "engagement_id": deal.marker_id}
        while not stage.stopped.is_set():
            try:
                with pymongo.timeout(2):
                    events = self._client.soak.deal_timeline
                    found = events.update_one(marker, {"$set": {"sentiment": str(number)}}).matched_count
            except PyMongoError as error:
                if not stage.outages.touched({Part.MONGOD}, begun_at, stage.clock(), settle=5.0):
                    raise
                stage.statistics.excuse("annotation", type(error).__name__)
                stage.stopped.wait(0.3)
                continue
            assert found == 1, f"the marker of {deal.name!r} is not in MongoDB"
            stage.annotations.made(deal.deal_id, number, stage.clock(), time.time())
            return True
        return False

    def _clear(self, deal: Specimen, *, everything: bool) -> None:
        stage = self._stage
        by = {} if everything else {"dealName": deal.name} if self._random.random() < 0.5 else {"dealId": deal.deal_id}
        what = "clear all" if everything else "clear deal"
        call = Call(what, with_query(f"{TIERS}/clear-endpoint-cache", **by), "DELETE")
        annotated, now = stage.annotations.newest(), stage.clock()
        stored = {one.deal_id: stage.model.in_mongodb(one.deal_id, now) for one in stage.site.deals}
        connection = self._lines.one()
        answer = stage.inspector.accept(connection.ask(call), 200)
        if answer is None or not self._has_form(answer):
            return
        for one in stage.site.deals if everything else [deal]:
            stage.promise(one.deal_id, stored[one.deal_id], answer.ended_at, "clear")
            if stage.annotations.promise(Promise(one.deal_id, annotated[one.deal_id], answer.ended_at, "annotation")):
                stage.statistics.count("promises by annotation")
        self._read_after(connection, deal, annotated[deal.deal_id], stored[deal.deal_id])

    def _has_form(self, answer: Answer) -> bool:
        body = self._stage.inspector.json_of(answer)
        fine = isinstance(body, dict) and isinstance(body.get("message"), str)
        fine = fine and isinstance(body.get("entries_cleared"), int)
        if not fine:
            self._stage.findings.add(Wrong.ERROR, f"{answer.call.path} of {answer.instance}: {body}")
        return fine

    def _read_after(self, connection: Connection, deal: Specimen, annotated: int, stored: int) -> None:
        """Read over the connection of the clear: its worker serves nothing that was cached before, at once."""
        stage = self._stage
        before = connection.reconnects
        call = reading("read after clear", TIERS, "timeline", deal, self._random.choice(("dealName", "dealId")))
        answer = stage.inspector.accept(connection.ask(call), 200)
        if answer is None or connection.reconnects != before or not stage.inspector.tiers(answer):
            return
        body = stage.inspector.json_of(answer)
        shown = stage.inspector.shown(answer, "timeline", body)
        if shown is None:
            return
        annotation = annotation_in(body)
        stage.statistics.count("reads that follow a clear at once")
        if shown.oldest < stored or (annotation is not None and annotation < annotated):
            stage.findings.add(
                Wrong.STALE,
                f"{call.path} of {stage.who(connection)} right after its clear: {shown}, annotation {annotation}; "
                f"MongoDB had {stored} and {annotated} before; {answer.headers.get('cache-status')}",
            )

    def close(self) -> None:
        """Close the connection to MongoDB."""
        self._client.close()
