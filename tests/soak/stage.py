"""The state that all actors share, and their requests to the service."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from random import Random
from types import MappingProxyType
from typing import Protocol

from tests.soak.calls import Answer, Call, Connection, with_query
from tests.soak.findings import Findings, Statistics
from tests.soak.inspector import Inspector
from tests.soak.instance import Instance
from tests.soak.messages import Messages
from tests.soak.model import Model, Promise, PromiseKind
from tests.soak.outages import Outages
from tests.soak.site import Site
from tests.soak.versions import VIEWS, Shown, Specimen

TIERS, MONGODB_ONLY = "/api/hubspot", "/api/hubspot/v2"

#: Calls over one connection before an actor opens another, which may reach another worker.
_CALLS_PER_CONNECTION = 20


@dataclass(frozen=True, slots=True)
class Stage:
    """The deployment, and what is known and found out about it.

    ``model`` is about the versions of the deals in HubSpot, ``annotations`` about what another system writes beside
    their markers into MongoDB. ``stopped`` ends the actors.
    """

    site: Site
    model: Model
    annotations: Model
    messages: Messages
    outages: Outages
    findings: Findings
    statistics: Statistics
    inspector: Inspector
    stopped: threading.Event
    clock: Callable[[], float] = time.monotonic

    def promise(self, deal_id: str, version: int, at: float, kind: PromiseKind) -> None:
        """Take note that the service has promised a version, and that subscribers are to hear of it."""
        if self.model.promise(Promise(deal_id, version, at, kind)):
            self.statistics.count(f"promises by {kind}")
        if kind != "clear":
            self.messages.expect(deal_id, version, self.model.begun_at(deal_id, version), at)

    def who(self, connection: Connection) -> str:
        """Return which worker of which instance a connection leads to, for the report."""
        return f"{connection.instance}, worker {connection.worker(self.site.workers().keys()) or 'gone'}"

    def judge_view(
        self,
        answer: Answer,
        view: str,
        body: object,
        deal: Specimen,
        connection: Connection,
        *,
        at_once: bool = False,
        as_of: str | None = None,
    ) -> Shown | None:
        """Judge the body of one view as to its form and its age; what it shows, None when it has no right form.

        ``as_of`` is the moment of its data, where no header tells it.
        """
        shown = self.inspector.shown(answer, view, body)
        if shown is not None:
            what = f"{view} of {deal.name!r}"
            said = as_of or answer.headers.get("x-data-as-of")
            self.inspector.data_as_of(self.model, answer, deal.deal_id, shown, said, what)
            who = partial(self.who, connection)
            self.inspector.age(self.model, answer, deal.deal_id, shown, who, what, at_once=at_once)
        return shown


class Actor(Protocol):
    """Somebody who uses the service."""

    def act(self) -> float:
        """Do one thing; returns the seconds to wait before the next."""


class Lines:
    """An actor's connections: a few at a time to one instance, then to another.

    Args:
        stage: where the instances are.
        random: decides which one is next.
        width: how many calls are made at once.
    """

    def __init__(self, stage: Stage, random: Random, width: int = 1) -> None:
        self._stage = stage
        self._random = random
        self._width = width
        self._used = 0
        self._open: list[Connection] = []

    def several(self) -> list[Connection]:
        """Connections for as many calls at once as there are."""
        if self._used >= _CALLS_PER_CONNECTION or not self._open or any(one.broken for one in self._open):
            self._turn()
        self._used += 1
        return self._open

    def one(self) -> Connection:
        """A connection for one call."""
        return self.several()[0]

    def _turn(self) -> None:
        instance: Instance = self._random.choice(self._stage.site.instances)
        for connection in self._open:
            connection.close()
            self._stage.statistics.count("requests sent again over a new connection", connection.reconnects)
        self._open = [Connection(instance.name, instance.port, self._stage.clock) for _ in range(self._width)]
        self._used = 0


def reading(
    what: str, root: str, view: str, deal: Specimen, by: str, headers: Mapping[str, str] = MappingProxyType({})
) -> Call:
    """The call that reads a view of a deal.

    Args:
        what: the kind of call, for the report.
        root: :data:`TIERS` or :data:`MONGODB_ONLY`.
        view: which view.
        deal: of which deal.
        by: ``dealName`` or ``dealId``.
        headers: of the request.
    """
    query = {by: deal.name if by == "dealName" else deal.deal_id}
    return Call(what, with_query(f"{root}/{VIEWS[view]}", **query), headers=headers)
