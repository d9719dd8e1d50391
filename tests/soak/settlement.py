"""The reckoning at the end: after a last sync every worker, MongoDB and HubSpot must tell the same of every deal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from random import Random

from tests.soak.calls import Connection
from tests.soak.findings import Wrong
from tests.soak.instance import Instance
from tests.soak.readers import judge_annotation, read_batch, read_mongodb
from tests.soak.stage import TIERS, Stage, reading
from tests.soak.syncs import Syncs
from tests.soak.versions import VIEWS, Specimen, annotation_in

#: Seconds after the last sync until everybody must know everything.
_SETTLE = 2.0
#: Connections that are opened until each worker of an instance has been met: the kernel decides which one answers.
_MOST_CONNECTIONS = 400


class Settlement:
    """Compares everything at the end of a soak, when nothing is disturbed and nothing changes any more.

    Args:
        stage: what all shared; its ``stopped`` is not set.
        random: decides in which order.
    """

    def __init__(self, stage: Stage, random: Random) -> None:
        self._stage = stage
        self._random = random

    def run(self) -> None:
        """Do it; what is wrong becomes a finding."""
        stage = self._stage
        self._check_ourselves()
        if not Syncs(stage, self._random).run():
            return
        stage.stopped.wait(_SETTLE)
        for instance in stage.site.instances:
            for connection in self._one_to_each_worker(instance):
                self._read_all(connection)
                connection.close()

    def _check_ourselves(self) -> None:
        """The simulated HubSpot must have what the model says; else the soak itself is wrong."""
        stage, newest = self._stage, self._stage.model.newest()
        amounts = stage.site.amounts()
        truth = stage.site.hubspot.steer("GET", "truth")["deals"]
        activities = Counter({deal["id"]: len(deal["activities"]) for deal in truth})
        for deal_id, version in newest.items():
            if (amounts.get(deal_id), activities[deal_id]) != (version, version + 1):
                text = f"deal {deal_id}: {version} versions, amount {amounts.get(deal_id)}, {activities[deal_id]}"
                stage.findings.add(Wrong.CHECKER, text)

    def _one_to_each_worker(self, instance: Instance) -> list[Connection]:
        missing = set(instance.workers())
        found: list[Connection] = []
        for _ in range(_MOST_CONNECTIONS):
            if not missing:
                return found
            connection = Connection(instance.name, instance.port, self._stage.clock)
            pid = self._worker_behind(connection, missing)
            if pid in missing:
                missing.remove(pid)
                found.append(connection)
            else:
                connection.close()
        self._stage.findings.add(Wrong.CHECKER, f"{_MOST_CONNECTIONS} connections did not reach workers {missing}")
        return found

    def _worker_behind(self, connection: Connection, pids: Collection[int]) -> int | None:
        """Return the worker that answers over a connection, which must have been asked something to be accepted."""
        deal = self._stage.site.deals[0]
        self._stage.inspector.accept(connection.ask(reading("last read", TIERS, "info", deal, "dealId")), 200)
        return connection.worker(pids)

    def _read_all(self, connection: Connection) -> None:
        """All deals by all views and names, in one worker: from its caches, together, and from MongoDB."""
        stage, newest = self._stage, self._stage.model.newest()
        deals = stage.site.deals
        for deal in deals:
            for view in VIEWS:
                for by in ("dealName", "dealId"):
                    self._hold(connection, deal, f"{view} by {by}", self._read(connection, view, deal, by), newest)
                stored = read_mongodb(stage, connection, view, deal, "dealId")
                self._hold(connection, deal, f"{view} in MongoDB", stored, newest)
        together = read_batch(stage, connection, deals)
        for deal in deals:
            self._hold(connection, deal, "batch", together.get(deal.deal_id), newest)

    def _read(self, connection: Connection, view: str, deal: Specimen, by: str) -> int | None:
        stage = self._stage
        answer = stage.inspector.accept(connection.ask(reading("last read", TIERS, view, deal, by)), 200)
        if answer is None or not stage.inspector.tiers(answer):
            return None
        body = stage.inspector.json_of(answer)
        shown = stage.judge_view(answer, view, body, deal, connection)
        if shown is not None and view == "timeline":
            judge_annotation(stage, answer, annotation_in(body), deal, connection)
        return shown.oldest if shown is not None else None

    def _hold(
        self, connection: Connection, deal: Specimen, what: str, version: int | None, newest: Mapping[str, int]
    ) -> None:
        """Hold what was read against the newest version."""
        stage, wanted = self._stage, newest[deal.deal_id]
        stage.statistics.count("comparisons at the end")
        if version != wanted:
            text = f"at the end {what} of {deal.name!r} is {version}, not {wanted}, in {stage.who(connection)}"
            stage.findings.add(Wrong.LOST_UPDATE, text)
