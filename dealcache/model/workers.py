"""The processes of one service, on any host, and the failure of the Redis that they share."""

from __future__ import annotations

import os
import socket
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from dealcache import __version__


@dataclass(frozen=True, slots=True)
class Worker:
    """A process of the service.

    Args:
        owner: unique among all processes that ever were; the owner of leases and locks.
        host: the name of its host.
        pid: its process id there.
        has_cache: True for a worker of the server, False for a command, which has no cache.
        version: the release that it runs; None for an earlier release, which does not state it.
        pid_namespace: the namespace of ``pid``; containers of one host may each have their own. None as above.
        parent_pid: the process that started it, for a worker the master of its server; None as above.
        started_at: when it gave its first sign of life; None before.
        report: its report with the last sign of life, see :mod:`dealcache.cluster.reports`.
    """

    owner: str
    host: str
    pid: int
    has_cache: bool = False
    version: str | None = None
    pid_namespace: str | None = None
    parent_pid: int | None = None
    started_at: datetime | None = field(default=None, compare=False)
    report: bytes = field(default=b"", compare=False)

    @property
    def shown(self) -> str:
        """Its name for people: host and process id."""
        return f"{self.host}-{self.pid}"

    def is_beside(self, other: Worker) -> bool:
        """Return True if both use the same process ids, so that one can see whether the other's process exists."""
        return self.pid_namespace is not None and (self.host, self.pid_namespace) == (other.host, other.pid_namespace)

    def is_of_server(self, other: Worker) -> bool:
        """Return True if both are workers of one server."""
        return self.is_beside(other) and self.parent_pid == other.parent_pid


def this_worker() -> Worker:
    """Return a new identity for this process; must be called once, after the fork."""
    host, pid = socket.gethostname(), os.getpid()
    return Worker(
        f"{host}-{pid}-{uuid.uuid4().hex[:8]}",
        host,
        pid,
        version=__version__,
        pid_namespace=_pid_namespace(),
        parent_pid=os.getppid(),
    )


def exists(pid: int) -> bool:
    """Return True if a process with this id exists, perhaps another user's."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _pid_namespace() -> str | None:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:  # not Linux, or no /proc
        return None


class RedisUnavailable(Exception):  # noqa: N818 - the name says the state
    """Redis does not answer, or refuses; callers continue without it. The message contains no host and no secret.

    It is defined here so that it can be used where redis-py is not installed.
    """
