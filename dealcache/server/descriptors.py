"""File descriptors: how many connections the limit of a process allows, and what to do when none is left."""

from __future__ import annotations

import errno
import logging
import resource
import time
from collections.abc import Callable

log = logging.getLogger(__name__)

#: Errors of accept(2) when the process, the system, or the kernel's memory has no room for another socket.
EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

#: Errors of accept(2) about a single connection that failed, or a pending network error on it.
PASSING = frozenset(
    {
        *(errno.EAGAIN, errno.EWOULDBLOCK, errno.ECONNABORTED, errno.EINTR, errno.EPERM, errno.EPROTO),
        *(errno.ENETDOWN, errno.ENOPROTOOPT, errno.EHOSTDOWN, errno.ENONET, errno.EHOSTUNREACH),
        *(errno.EOPNOTSUPP, errno.ENETUNREACH),
    }
)

#: Seconds for which a worker without descriptors stops accepting, and for which there has to be room before the next
#: shortage is logged as a new one.
PAUSE, _OVER_AFTER = 0.5, 5.0

#: Connections of a worker whose limit on open files is high enough.
_CONNECTIONS = 1_000


def connections_within(files: int) -> int:
    """Return the number of HTTP connections that a worker may have: at most a third of the files it may open.

    The others are for clients of live updates (``dealcache.live.hub``), and for MongoDB, Redis and HubSpot.
    """
    return _CONNECTIONS if files == resource.RLIM_INFINITY else max(8, min(_CONNECTIONS, files // 3))


class Exhaustion:
    """Remembers that no descriptor was left for a new connection; logs the start and the end of the shortage once.

    Args:
        clock: the monotonic clock, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: float | None = None
        self._last = float("-inf")

    @property
    def lasts(self) -> bool:
        """True while it is too early to accept again."""
        return self._clock() < self._last + PAUSE

    def found(self, error: OSError) -> None:
        """Begin a pause, because ``error`` says that there is no room."""
        self._last = self._clock()
        if self._since is None:
            self._since = self._last
            log.error("no new connections for now: %s; raise the limit on open files (ulimit -n)", error.strerror)

    def passed(self) -> None:
        """Note that accepting works."""
        now = self._clock()
        if self._since is not None and now - self._last >= _OVER_AFTER:
            log.warning("new connections are accepted again, after %.0f s", self._last - self._since + PAUSE)
            self._since = None
