"""What a background sync may take of a rolling window, and how fast, so that readers never wait long behind it.

Two rules. Some slots are always left free: few while nobody reads, more for some time after somebody did. And starts
are spread evenly over the period, so that slots free one by one: calls that all started together would free their slots
together too, and a reader who came late would wait for most of a period.

Nothing here waits, locks or reads a clock.
"""

from __future__ import annotations

from dealcache.hubspot.window import SAME_MOMENT, RollingWindow

#: One slot in this many is left free: while readers are about, and while there are none.
SHARE_FOR_READERS = 5
SHARE_IN_QUIET = 50

#: For how many periods after a reader came there may be more of them.
READERS_STAY = 3

#: One slot in this many may be taken without any pace: a small sync should not be slow.
UNPACED_SHARE = 5


class SyncShare:
    """The part of ``window`` that sync may use.

    The pace is a schedule: each start moves the next one's due time on by one step, whenever it really happened. So
    the unpaced starts are an advance that the following ones make up for, and a thread that wakes late does not lower
    the rate: the next may follow it up to half a step sooner.

    Args:
        window: the window that sync and readers share.
    """

    def __init__(self, window: RollingWindow) -> None:
        self._window = window
        self._reader_seen_at = float("-inf")
        self._due = float("-inf")

    def note_reader(self, now: float) -> None:
        """Note that a reader has asked for a slot at ``now``."""
        self._reader_seen_at = now

    def note_start(self, now: float) -> None:
        """Note that a call of the sync starts at ``now``."""
        step = self._step(now)
        self._due = max(self._due, now - step / 2) + step

    def wait(self, now: float, *, ahead: int) -> float:
        """Say how long a call of the sync must wait.

        Args:
            now: the present, in seconds of a monotonic clock.
            ahead: how many other callers will be served first.

        Returns:
            Seconds, 0.0 when the call may start now. Those ahead count as calls of the sync, also readers, who need no
            step: with them it may be a little less.
        """
        reserve = self._window.limit - self._slots(now)
        return max(self._window.wait(now, ahead=ahead, reserve=reserve), self._pause(now, ahead))

    def _pause(self, now: float, ahead: int) -> float:
        """Seconds that the pace demands."""
        unpaced = -(-self._window.limit // UNPACED_SHARE)
        surplus = self._window.used(now) + ahead - unpaced
        if surplus < 0:
            return 0.0
        pause = self._due - now + self._step(now) * min(ahead, surplus)
        return pause if pause > SAME_MOMENT else 0.0

    def _slots(self, now: float) -> int:
        """How many slots sync may occupy; one at least, or it would never end."""
        readers = now - self._reader_seen_at <= READERS_STAY * self._window.period
        reserve = max(1, self._window.limit // (SHARE_FOR_READERS if readers else SHARE_IN_QUIET))
        return max(1, self._window.limit - reserve)

    def _step(self, now: float) -> float:
        """Seconds between two starts at the pace which just uses up the slots."""
        return self._window.period / self._slots(now)
