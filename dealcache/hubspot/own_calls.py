"""What one worker remembers of its own calls, so that Redis can be told again what it missed or has lost."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from dealcache.hubspot.budget_script import Message, micro
from dealcache.hubspot.slots import Caller


@dataclass(slots=True)
class _Call:
    started_at: float
    answered_at: float | None = None


class OwnCalls:
    """The calls of this worker that still occupy a slot: those under way, and those answered within the last period.

    Args:
        period: seconds.
    """

    def __init__(self, period: float) -> None:
        self._period = period
        self._worker = uuid.uuid4().hex[:12]
        self._calls: dict[Caller, _Call] = {}

    def id_of(self, caller: Caller) -> str:
        """The name of a call among those of all workers."""
        return f"{self._worker}:{caller.number}"

    def start(self, now: float, caller: Caller) -> None:
        """Remember that a call starts."""
        self._calls[caller] = _Call(now)

    def finish(self, now: float, caller: Caller) -> None:
        """Remember that a call is over."""
        self._forget(now)
        self._calls[caller].answered_at = now

    def doubt(self, now: float, caller: Caller) -> None:
        """Remember that Redis may believe this call to be under way, which has not started: its answer was lost."""
        self._calls[caller] = _Call(now, now)

    def all(self, now: float) -> Message:
        """Everything that is remembered, to be told; to tell it twice does no harm."""
        self._forget(now)
        answered, under_way = [], []
        for caller, call in self._calls.items():
            if call.answered_at is None:
                under_way.append((self.id_of(caller), micro(now - call.started_at)))
            else:
                answered.append((self.id_of(caller), micro(now - call.answered_at)))
        return {"answered": answered, "under_way": under_way}

    def _forget(self, now: float) -> None:
        over = [
            caller
            for caller, call in self._calls.items()
            if call.answered_at is not None and call.answered_at + self._period <= now
        ]
        for caller in over:
            del self._calls[caller]
