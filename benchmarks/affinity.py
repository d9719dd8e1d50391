"""A running process with its children and all their threads: which cores they may use, and what they take of them."""

from __future__ import annotations

import os
import resource
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path


def pin(pid: int, cores: Collection[int]) -> None:
    """Let a process, its descendants and all threads of them run on ``cores`` only; new threads inherit it."""
    for process in _family(pid):
        for task in _tasks(process):
            with suppress(ProcessLookupError):  # a thread may end meanwhile
                os.sched_setaffinity(task, cores)


def processor_seconds(pid: int) -> float:
    """The processor time that a process and its descendants have taken so far, their own and the kernel's for them."""
    ticks = 0
    for process in _family(pid):
        with suppress(FileNotFoundError):  # a process may end meanwhile
            user, system = Path(f"/proc/{process}/stat").read_text("ascii").rpartition(")")[2].split()[11:13]
            ticks += int(user) + int(system)
    return ticks / os.sysconf("SC_CLK_TCK")


def sockets_of_children(pid: int) -> list[int]:
    """Return the number of open sockets of each child of a process: gunicorn's workers have one for each connection."""
    return [len(_sockets(child)) for child in _children(pid)]


def resident_bytes(pid: int) -> int:
    """The memory of a process and its descendants; what they share counts for each, so only growth tells something."""
    pages = 0
    for process in _family(pid):
        with suppress(FileNotFoundError):  # a process may end meanwhile
            pages += int(Path(f"/proc/{process}/statm").read_text("ascii").split()[1])
    return pages * resource.getpagesize()


def _tasks(pid: int) -> list[int]:
    with suppress(FileNotFoundError):
        return [int(entry.name) for entry in Path(f"/proc/{pid}/task").iterdir()]
    return []


def _sockets(pid: int) -> list[str]:
    opened = []
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # it may be closed meanwhile
            opened.append(str(descriptor.readlink()))
    return [name for name in opened if name.startswith("socket:")]


def _children(pid: int) -> Iterator[int]:
    for task in _tasks(pid):
        with suppress(FileNotFoundError):
            yield from map(int, Path(f"/proc/{pid}/task/{task}/children").read_text("ascii").split())


def _family(pid: int) -> Iterator[int]:
    yield pid
    for child in _children(pid):
        yield from _family(child)
