"""Which messages subscribers of live updates must get, and did they get them. Pure.

A promised change of a deal must bring every subscriber of that deal a message after the change began. One message may
stand for several changes. A message is sent once, by the process that saw the change: when a process was ended
meanwhile, or MongoDB was down, it may be lost.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import NamedTuple

#: Seconds after a promise within which its message must have come.
PATIENCE = 5.0


class Expected(NamedTuple):
    """A change that subscribers are to hear of."""

    deal_id: str
    begun_at: float
    promised_at: float


class Lost(NamedTuple):
    """A message that a subscriber did not get in time; ``came_at`` is when one came after all."""

    listener: str
    change: Expected
    came_at: float | None


@dataclass(slots=True)
class Session:
    """The time for which a listener was subscribed without a break; ``deal_ids`` is None for all deals."""

    listener: str
    deal_ids: Collection[str] | None
    since: float
    until: float | None = None
    received: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def covers(self, change: Expected, due: float) -> bool:
        """Return True if it was subscribed all the time in which the message of a change may have come."""
        wanted = self.deal_ids is None or change.deal_id in self.deal_ids
        return wanted and self.since <= change.begun_at and (self.until is None or self.until >= due)

    def first_after(self, deal_id: str, moment: float) -> float | None:
        """When the first message about a deal came after a moment."""
        times = self.received[deal_id]
        place = bisect_left(times, moment)
        return times[place] if place < len(times) else None


class Messages:
    """Holds what subscribers got against what they were to get. Methods may be called from any thread.

    Args:
        disturbed: whether a message may be lost, for a process was ended between two moments.
    """

    def __init__(self, disturbed: Callable[[float, float], bool]) -> None:
        self._disturbed = disturbed
        self._lock = threading.Lock()
        self._sessions: list[Session] = []
        self._expected: list[Expected] = []
        self._newest: defaultdict[str, int] = defaultdict(int)
        #: How many messages were due and came, and how many were lost with reason.
        self.came = 0
        self.excused = 0
        #: Seconds from the promise to its message; 0 when the message was first.
        self.delays: list[float] = []

    def subscribe(self, listener: str, deal_ids: Collection[str] | None, at: float) -> Session:
        """Note that a listener is subscribed from now on."""
        session = Session(listener, deal_ids, at)
        with self._lock:
            self._sessions.append(session)
        return session

    def leave(self, session: Session, at: float) -> None:
        """Note that a listener's subscription has ended."""
        with self._lock:
            session.until = at

    def receive(self, session: Session, deal_id: str, at: float) -> None:
        """Note a message about a deal."""
        with self._lock:
            session.received[deal_id].append(at)

    def expect(self, deal_id: str, version: int, begun_at: float, promised_at: float) -> None:
        """Note that a version of a deal is promised, if it was not before: from ``begun_at`` on a message may tell."""
        with self._lock:
            if version > self._newest[deal_id]:
                self._newest[deal_id] = version
                self._expected.append(Expected(deal_id, begun_at, promised_at))

    def settle(self, now: float) -> list[Lost]:
        """Judge all changes whose messages are due; returns the messages that nothing excuses."""
        with self._lock:
            due = [one for one in self._expected if one.promised_at + PATIENCE <= now]
            self._expected = [one for one in self._expected if one.promised_at + PATIENCE > now]
            return [
                Lost(session.listener, change, session.first_after(change.deal_id, change.begun_at))
                for change in due
                for session in self._sessions
                if session.covers(change, change.promised_at + PATIENCE) and not self._has_come(session, change)
            ]

    def _has_come(self, session: Session, change: Expected) -> bool:
        """Return True if a message came, or nobody can be blamed that it did not."""
        at = session.first_after(change.deal_id, change.begun_at)
        if at is not None and at <= change.promised_at + PATIENCE:
            self.came += 1
            self.delays.append(max(0.0, at - change.promised_at))
            return True
        if self._disturbed(change.begun_at, change.promised_at + PATIENCE):
            self.excused += 1
            return True
        return False
