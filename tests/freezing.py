"""Lets a process stand still: to its clients it hangs, with its connections open."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.waiting import until


def freeze(pid: int) -> None:
    """Stop a process, and return once it stands still.

    A signal is only sent when ``kill`` returns: a thread that runs on another core may still answer a request,
    and takes some milliseconds to stop when the machine is busy.

    Raises:
        AssertionError: It runs on.
    """
    os.kill(pid, signal.SIGSTOP)
    until(lambda: _stands_still(pid))


def thaw(pid: int) -> None:
    """Let a frozen process go on."""
    os.kill(pid, signal.SIGCONT)


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """Let a process stand still for as long as the block lasts."""
    freeze(pid)
    try:
        yield
    finally:
        thaw(pid)


def _stands_still(pid: int) -> bool:
    """Return True if each thread is stopped: state ``T`` of proc(5), the first field behind the name in brackets."""
    try:
        threads = [task.read_text() for task in Path(f"/proc/{pid}/task").glob("*/stat")]
    except (FileNotFoundError, ProcessLookupError):
        return False  # A thread ended meanwhile.
    return all(thread.rpartition(")")[2].split()[0] == "T" for thread in threads)
