"""The processes that make up one service: every one that works on the same database, on whichever host it runs."""

from __future__ import annotations

import os
import socket
import uuid
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Worker:
    """One process, as the others know it.

    Args:
        owner: tells it from any other process that ever was; leases and locks bear it.
        host: the machine that it runs on.
        pid: its process id there.
        answers: whether it has a cache to tell of, as a worker of the server has and a command has not.
    """

    owner: str
    host: str
    pid: int
    answers: bool = False

    @property
    def shown(self) -> str:
        """How people are told of it: by host and process id."""
        return f"{self.host}-{self.pid}"


def this_worker() -> Worker:
    """This process. Each call makes another one of it, so it is made once, after the fork."""
    host, pid = socket.gethostname(), os.getpid()
    return Worker(f"{host}-{pid}-{uuid.uuid4().hex[:8]}", host, pid)
