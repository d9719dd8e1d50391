"""Which cores a running process may use, with its children and all their threads."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path


def pin(pid: int, cores: Collection[int]) -> None:
    """Let a process, its descendants and all threads of them run on ``cores`` only; new threads inherit it."""
    for process in _family(pid):
        for task in _tasks(process):
            with suppress(ProcessLookupError):  # a thread may end meanwhile
                os.sched_setaffinity(task, cores)


def _tasks(pid: int) -> list[int]:
    with suppress(FileNotFoundError):
        return [int(entry.name) for entry in Path(f"/proc/{pid}/task").iterdir()]
    return []


def _family(pid: int) -> Iterator[int]:
    yield pid
    for task in _tasks(pid):
        with suppress(FileNotFoundError):
            for child in Path(f"/proc/{pid}/task/{task}/children").read_text("ascii").split():
                yield from _family(int(child))
