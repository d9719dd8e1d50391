"""Subscribers of live updates: they connect, check what they are told, and come back when they are cut off."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime
from random import Random
from typing import Any, Literal
from urllib.parse import quote, urlencode

import orjson
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.frames import CloseCode
from websockets.sync.client import ClientConnection, connect

from tests.soak.findings import Wrong
from tests.soak.messages import Session
from tests.soak.outages import Part
from tests.soak.sockets import holder_of_other_end
from tests.soak.stage import Stage
from tests.soak.versions import VIEWS, Specimen

PATH = "/ws/deal-updates"

#: How a listener says which deals it wants: in the query, by a message, or not at all, which means all deals.
SubscribeBy = Literal["query", "message", "all"]

_PATIENCE = 15.0
_LOOK_SECONDS = 0.5
#: The type of the message that answers a subscription.
_ACKNOWLEDGED = "subscribed"
#: Seconds until a subscription surely counts.
_TAKES = 1.0
#: Seconds for which a listener stays; the next time it may meet another worker.
_SHORTEST, _LONGEST = 20.0, 40.0


class Listener:
    """One subscriber.

    Args:
        stage: what all share.
        random: decides whom it connects to, and for how long.
        name: names it in the report.
        subscribe_by: how it says what it wants.
        deals: what it wants; nothing counts when it wants all.
        over: ends it.
    """

    def __init__(
        self,
        stage: Stage,
        random: Random,
        name: str,
        subscribe_by: SubscribeBy,
        deals: Sequence[Specimen],
        over: threading.Event,
    ) -> None:
        self._stage = stage
        self._random = random
        self._name = name
        self._subscribe_by = subscribe_by
        self._names = {deal.deal_id: deal.name for deal in deals}
        self._over = over

    def act(self) -> float:
        """Be connected once, for a while."""
        instance = self._random.choice(self._stage.site.instances)
        begun_at = self._stage.clock()
        try:
            with connect(f"ws://127.0.0.1:{instance.port}{self._target()}", open_timeout=_PATIENCE) as socket:
                self._stage.statistics.count("WebSocket connections")
                self._stay(socket)
        except ConnectionRefusedError:
            self._excuse("refused", self._stage.outages.excuse_refused_connection(instance.name, begun_at, self._now()))
        except ConnectionClosed as error:
            self._excuse(self._code(error), self._may_close(error, instance.name))
        except (InvalidHandshake, EOFError, OSError) as error:
            lost = self._stage.outages.excuse_lost_connection(instance.name, begun_at, self._now())
            self._excuse(f"{type(error).__name__} {error}", lost)
        return 0.2

    def _now(self) -> float:
        return self._stage.clock()

    def _target(self) -> str:
        if self._subscribe_by != "query":
            return PATH
        return f"{PATH}?{urlencode([('dealName', name) for name in self._names.values()], quote_via=quote)}"

    def _stay(self, socket: ClientConnection) -> None:
        if self._subscribe_by == "message":
            self._subscribe(socket)
        wanted = None if self._subscribe_by == "all" else list(self._names)
        worker = holder_of_other_end(socket.socket, self._stage.site.workers().keys())
        session = self._stage.messages.subscribe(f"{self._name} ({worker})", wanted, self._now() + _TAKES)
        until = self._now() + self._random.uniform(_SHORTEST, _LONGEST)
        try:
            while not self._over.is_set() and self._now() < until:
                self._take(socket, session)
        finally:
            self._stage.messages.leave(session, self._now())

    def _subscribe(self, socket: ClientConnection) -> None:
        """Say by a message what is wanted, and wait until that is heard: before, all deals are told of."""
        socket.send(orjson.dumps({"action": "subscribe", "deal_names": list(self._names.values())}).decode())
        while orjson.loads(socket.recv(timeout=_PATIENCE))["type"] != _ACKNOWLEDGED:
            pass

    def _take(self, socket: ClientConnection, session: Session) -> None:
        try:
            text = socket.recv(timeout=_LOOK_SECONDS)
        except TimeoutError:
            return
        at = self._now()
        self._stage.statistics.count("messages")
        try:
            deal_id = self._checked(orjson.loads(text), session)
        except (KeyError, TypeError, ValueError) as error:
            self._stage.findings.add(Wrong.ERROR, f"a message to {self._name}: {error!r}: {text!r:.300}")
            return
        self._stage.messages.receive(session, deal_id, at)

    def _checked(self, message: Any, session: Session) -> str:
        """The deal that a message is about, once it is as the contract says.

        Raises:
            KeyError, TypeError, ValueError: it is not.
        """
        deal_id = message["deal_id"]
        if message["type"] != "deal.updated" or not message["changed"] or not set(message["changed"]) <= set(VIEWS):
            raise ValueError("its type or what changed")
        if session.deal_ids is not None and deal_id not in session.deal_ids:
            raise ValueError("nobody has asked for this deal")
        if message["deal_name"] != self._names.get(deal_id, message["deal_name"]):
            raise ValueError("the deal has another name")
        datetime.fromisoformat(message["at"])
        return str(deal_id)

    def _code(self, error: ConnectionClosed) -> str:
        return f"closed with {error.rcvd.code}" if error.rcvd is not None else "closed without a word"

    def _may_close(self, error: ConnectionClosed, instance: str) -> bool:
        """An instance that stops says so; a worker that is killed says nothing."""
        now = self._now()
        if error.rcvd is not None:
            stopped = self._stage.outages.touched({Part.INSTANCE}, now, now, target=instance, settle=1.0)
            return error.rcvd.code == CloseCode.GOING_AWAY and stopped
        return self._stage.outages.excuse_lost_connection(instance, now - 1.0, now)

    def _excuse(self, what: str, excused: bool) -> None:
        if excused:
            self._stage.statistics.excuse("WebSocket", what)
        else:
            self._stage.findings.add(Wrong.ERROR, f"the WebSocket of {self._name}: {what}")
