"""The sliding window of one bucket: how many calls may start now, and when the next may. Pure arithmetic.

HubSpot counts a call when it arrives there, some unknown time after it left here and before its answer came back. So a
call occupies its slot from its start until a full period after its answer: whatever the network did in between, HubSpot
never sees more than the limit in any period. A period counted from the start instead would let a slow first call and a
quick next one arrive too close together.

Re-reads that no reader waits for leave a third of the slots free. Two more rules pace a sync so that readers never wait
long behind it. Some slots are always left free: few without readers, more for some time after one came. And its starts
are spread evenly over the period, so that slots free one by one: calls that all started together would free their slots
together too, and a late reader would wait for most of a period. Most syncs are small, and spreading would only make
them slow. So a sync begins without any pace: while there are no readers, it may take most of a period's slots at once.
The rest is for readers who come, and goes to the sync little by little over the period while none do. One that needs
more is then paced evenly, for as long as it goes on.

``sliding_window.lua`` follows the same rules for all workers together.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from dealcache.hubspot.limits.buckets import Priority

#: Seconds by which two readings of the clock may differ and still be the same moment: sums of floats are not exact.
_SAME_MOMENT = 1e-6

#: A sync leaves one slot in this many free: while there are readers, and while there are none.
SHARE_FOR_READERS = 5
SHARE_IN_QUIET = 50

#: Re-reads of old deals leave one slot in this many free.
SHARE_BEYOND_REREADS = 3

#: Periods after a reader came for which more readers are expected.
READERS_STAY = 3

#: Periods without a paced call after which a sync is over. More than one: where a sync has one slot left beyond those
#: that it took at once, its first paced call is followed by the next a period later.
SYNC_STAYS = 2

#: While there are readers, a sync may take one slot in this many without any pace. While there are none, it may take
#: all but those that it would leave to readers, of which there are so many at least.
UNPACED_SHARE = 5
LEAST_FOR_READERS = 2


class Caller(NamedTuple):
    """One call that wants to start. Callers sort in the order in which they are served.

    Attributes:
        priority: its priority.
        number: its place among all that ever came to this rate limiter.
    """

    priority: Priority
    number: int


class SlidingWindow:
    """One worker's fair share of a rate limit: at most ``limit`` calls of all workers in any ``period`` seconds.

    Where there are more workers than calls, each has one call in more than a period. ``now`` is always the present in
    seconds of one monotonic clock. Not thread-safe.

    Args:
        limit: calls per period of the whole account.
        period: seconds, a safety margin included.
        workers: returns how many workers share the limit; called each time, and must not take long.
    """

    def __init__(self, limit: int, period: float, workers: Callable[[], int] = lambda: 1) -> None:
        self.account_limit = limit
        self._account_period = period
        self._workers = workers
        self._in_flight = 0
        self._answered: deque[float] = deque()
        self._paused_until = self._reader_seen_at = float("-inf")
        self._sync_due = self._paced_at = self._sync_began_at = float("-inf")
        self._update_share()

    def try_start(self, now: float, caller: Caller) -> float:
        """Start ``caller``, the first of the queue, if it may start now.

        Returns:
            0.0 when it has started, else how many seconds it must wait at least before it is worth trying again.
        """
        wait = self.wait(now, caller)
        if wait <= 0.0:
            self.start(now, caller)
        return wait

    def wait(self, now: float, caller: Caller, ahead: int = 0) -> float:
        """Return how many seconds ``caller`` must wait at least, 0.0 when it may start now.

        While calls are in progress that is a lower bound, because it is unknown when they will be answered.

        Args:
            now: the present.
            caller: the call.
            ahead: how many others go first; they count as calls of a sync where the caller is one.
        """
        self._update_share()
        taken = self._used(now) + ahead
        wait = max(self._paused_until - now, self._until_free(now, taken - self._slots(now, caller.priority)))
        if caller.priority is Priority.SYNC:
            wait = max(wait, self._until_due(now, ahead, taken))
        elif caller.priority is Priority.INTERACTIVE:
            self._reader_seen_at = now
        return wait if wait > _SAME_MOMENT else 0.0

    def start(self, now: float, caller: Caller) -> None:
        """Occupy a slot, whether one is free or not."""
        if caller.priority is Priority.SYNC:
            step = self._step(now)
            if self._is_new(now) and now - self._sync_began_at >= self._period - _SAME_MOMENT:
                self._sync_began_at = now
            if self._used(now) < self._unpaced_slots(now):
                self._sync_due = now + step / 2
            else:
                # A schedule: each start moves the next one's due time by a step, whenever it really happened. So a
                # thread that wakes late does not lower the rate: the next start follows sooner.
                self._paced_at = now
                self._sync_due = max(self._sync_due, now - step / 2) + step
        self._in_flight += 1

    def finish(self, now: float, caller: Caller) -> None:
        """Note that a started call is over; its slot frees one period after ``now``."""
        self._in_flight -= 1
        self._answered.append(now)

    def make_room(self, now: float, calls: int) -> None:
        """Free slots of answered calls until this worker's part of ``calls``, those left of the account, may start."""
        self._update_share()
        room = min(self._limit, calls // max(1, self._workers()))
        while self._answered and self._limit - self._used(now) < room:
            self._answered.popleft()

    def pause(self, now: float, seconds: float) -> None:
        """Let nothing start for ``seconds``; a shorter pause never cuts a longer one."""
        self._paused_until = max(self._paused_until, now + seconds)

    def paused(self, now: float) -> float:
        """Return for how many more seconds nothing may start."""
        return max(0.0, self._paused_until - now)

    def set_limit(self, now: float, limit: int) -> None:
        """Change the limit of the whole account to ``limit`` calls per period."""
        self.account_limit = limit

    def left(self, now: float) -> int:
        """Return how many calls may start now, 0 while paused."""
        self._update_share()
        return 0 if self.paused(now) > _SAME_MOMENT else max(0, self._limit - self._used(now))

    def _update_share(self) -> None:
        workers = max(1, self._workers())
        self._limit = max(1, self.account_limit // workers)
        self._period = self._account_period * max(1.0, workers / self.account_limit)

    def _used(self, now: float) -> int:
        while self._answered and self._answered[0] + self._period <= now + _SAME_MOMENT:
            self._answered.popleft()
        return self._in_flight + len(self._answered)

    def _until_free(self, now: float, surplus: int) -> float:
        """Return the seconds until the slot with the index ``surplus`` frees, 0.0 for a negative index.

        Slots free in the order of their answers; those of calls in progress, and those that callers ahead are about to
        take, come last. Each freed slot is taken again by a caller ahead, and frees again a period later.
        """
        if surplus < 0:
            return 0.0
        rounds, index = divmod(surplus, max(1, self._limit, self._used(now)))
        base = self._answered[index] if index < len(self._answered) else now
        return base + self._period * (rounds + 1) - now

    def _until_due(self, now: float, ahead: int, taken: int) -> float:
        """Return the seconds until the pace of the sync lets its next call start, after ``ahead`` others."""
        surplus = taken - self._unpaced_slots(now)
        if surplus < 0:
            return 0.0
        return self._sync_due - now + self._step(now) * min(ahead, surplus)

    def _readers_expected(self, now: float) -> bool:
        return now - self._reader_seen_at <= READERS_STAY * self._period

    def _slots(self, now: float, priority: Priority) -> int:
        """Return how many slots calls of a priority may fill; one at least, or a sync would never end."""
        left_free = 0
        if priority is Priority.SYNC:
            left_free = max(1, self._limit // (SHARE_FOR_READERS if self._readers_expected(now) else SHARE_IN_QUIET))
        elif priority is Priority.REREAD:
            left_free = -(-self._limit // SHARE_BEYOND_REREADS)
        return max(1, self._limit - left_free)

    def _unpaced_slots(self, now: float) -> int:
        """Return how many slots may be taken before calls of a sync are paced."""
        if not self._is_new(now):
            return 0
        if self._readers_expected(now):
            return -(-self._limit // UNPACED_SHARE)
        return max(1, self._limit - max(LEAST_FOR_READERS, self._limit // SHARE_FOR_READERS))

    def _step(self, now: float) -> float:
        """Return the seconds between two paced starts of a sync, over which the slots are spread that it has left."""
        return self._period / max(1, self._slots(now, Priority.SYNC) - self._unpaced_slots(now))

    def _is_new(self, now: float) -> bool:
        """Return True in the first period of a sync, and while there is none."""
        began = now - self._sync_began_at < self._period - _SAME_MOMENT
        return began or now - self._paced_at > SYNC_STAYS * self._period
