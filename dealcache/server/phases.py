"""The phases of a connection in the event loop, their time limits, and the progress that renews them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from enum import Enum
from itertools import takewhile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dealcache.server.connections import Connection


class Phase(Enum):
    """The event that the loop waits for on a connection."""

    IDLE = "the next request"
    RECEIVING = "the rest of a request"
    SENDING = "the client to take an answer"
    CLOSING = "the client to close"


#: The same as names of this module: looking a member up in its class takes longer, in each hit.
IDLE, RECEIVING, SENDING, CLOSING = Phase


#: Seconds that a phase may take without enough progress; that of an idle connection is gunicorn's ``keepalive``.
PATIENCE: Mapping[Phase, float] = {Phase.RECEIVING: 30.0, Phase.SENDING: 30.0, Phase.CLOSING: 2.0}

#: The same while the worker stops: stalled clients must not delay it until it is killed in the middle of other work.
PATIENCE_ON_STOP: Mapping[Phase, float] = {
    Phase.IDLE: 2.0,
    Phase.RECEIVING: 5.0,
    Phase.SENDING: 5.0,
    Phase.CLOSING: 2.0,
}

#: Bytes that have to move for a phase's time to restart: 500 a second for 30 seconds. A byte now and then is no
#: progress.
ENOUGH = 15_000

#: Seconds of idleness that are more than any client needs to begin its request.
_IDLE_FOR_LONG = 1.0

#: Seconds for which a client must have taken nothing of its answer before its connection may be closed to make room.
STALLED_AFTER = 5.0


class WaitingConnections:
    """The event loop's connections by phase, the one whose time runs out first in front.

    It replaces gunicorn's deque of kept-alive connections, which is slow to remove from.

    Args:
        patience: the seconds of each phase.
    """

    def __init__(self, patience: Mapping[Phase, float]) -> None:
        self._patience = patience
        self._ordered: dict[Phase, dict[Connection, None]] = {phase: {} for phase in Phase}

    def put(self, connection: Connection, phase: Phase, now: float) -> None:
        """Begin a phase of a connection, or restart its time; ``now`` is the monotonic clock, in seconds."""
        self.remove(connection)
        connection.phase = phase
        connection.renewed = now
        connection.timeout = now + self._patience[phase]
        self._ordered[phase][connection] = None

    def remove(self, connection: Connection) -> None:
        """Remove a connection, if present."""
        if connection.phase is not None:
            del self._ordered[connection.phase][connection]
            connection.phase = None

    def expired(self, now: float) -> list[Connection]:
        """Return the connections whose time is over."""
        return [
            one
            for ordered in self._ordered.values()
            for one in takewhile(lambda connection: connection.timeout <= now, ordered)
        ]

    def expendable(self, now: float) -> Connection | None:
        """Return the connection to close when there is no room for another; None if answers are under way on all.

        That is the longest idle one; but if none has been idle for long, all idle ones are new, and an older unfinished
        request goes first.
        """
        for one in self._ordered[Phase.CLOSING]:
            return one
        idle = next((one for one in self._ordered[Phase.IDLE] if not one.has_more), None)
        unfinished = next(iter(self._ordered[Phase.RECEIVING]), None)
        if idle is None or unfinished is None:
            return idle or unfinished
        is_older = now - idle.renewed > _IDLE_FOR_LONG or idle.renewed <= unfinished.renewed
        return idle if is_older else unfinished

    def stalled(self, now: float) -> list[Connection]:
        """Return the connections whose answers have made no progress for some time."""
        return list(takewhile(lambda one: now - one.renewed >= STALLED_AFTER, self._ordered[Phase.SENDING]))

    def hurry(self, patience: Mapping[Phase, float], now: float) -> None:
        """Let no phase take longer than ``patience`` from now on, except for idle connections with more to read."""
        self._patience = {phase: min(seconds, patience[phase]) for phase, seconds in self._patience.items()}
        for phase, ordered in self._ordered.items():
            for one in ordered:
                if phase is not Phase.IDLE or not one.has_more:
                    one.timeout = min(one.timeout, now + self._patience[phase])

    def in_phase(self, phase: Phase) -> Collection[Connection]:
        """Return the connections of a phase, the one whose time runs out first in front."""
        return self._ordered[phase].keys()

    def __getitem__(self, index: int) -> Connection:
        """Return the connection whose time runs out first; gunicorn asks for no other."""
        firsts = [next(iter(ordered)) for ordered in self._ordered.values() if ordered]
        if index != 0 or not firsts:
            raise IndexError(index)
        return min(firsts, key=lambda connection: connection.timeout)

    def __iter__(self) -> Iterator[Connection]:
        return (one for ordered in self._ordered.values() for one in ordered)

    def __len__(self) -> int:
        return sum(map(len, self._ordered.values()))
