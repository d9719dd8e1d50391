"""Gives each worker a core of its own.

Only one thread of a Python process runs at a time. When its threads are spread over several cores, each hand-over of
the interpreter lock wakes another core, and two of them compete for it: a worker that is free to use two cores achieves
about half of what it does on one.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from dealcache.setting_values import Affinity
from dealcache.settings import SettingsError


def usable_cores() -> frozenset[int]:
    """Return the cores that this process may use; none where the system does not tell."""
    return frozenset(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else frozenset()


def check(wanted: Affinity, usable: frozenset[int]) -> None:
    """Check that the cores that an operator names exist; only the master can, because a worker may use just one.

    Raises:
        SettingsError: one of them does not exist.
    """
    unknown = [] if isinstance(wanted, str) else sorted(set(wanted) - usable)
    if unknown:
        shown = ",".join(map(str, sorted(usable))) or "none"
        raise SettingsError(f"CPU_AFFINITY names core {unknown[0]}; the service may use {shown}")


def choose_core(
    wanted: Affinity, usable: Iterable[int], taken: Sequence[int], others: Iterable[int] = ()
) -> int | None:
    """Return the core for one more worker, or None to leave the choice to the kernel.

    Args:
        wanted: the operator's setting.
        usable: the cores that may be used.
        taken: the cores of the present workers, one for each.
        others: the cores of other processes that are pinned to one.
    """
    if wanted == "off":
        return None
    cores = sorted(usable) if wanted == "auto" else list(wanted)
    if not cores or (wanted == "auto" and len(cores) == 1):
        return None
    siblings, foreign = Counter(taken), Counter(others if wanted == "auto" else ())
    # Workers of one server are busy at the same time; of other processes that is unknown.
    return min(cores, key=lambda core: (siblings[core], foreign[core], cores.index(core)))


def pinned_processes(proc: Path = Path("/proc"), leave_out: Iterable[int] = ()) -> list[int]:
    """Return the core of each other process that may run on one core only.

    Args:
        proc: the kernel's directory of processes (proc(5)).
        leave_out: ids of processes that do not count.
    """
    out = {str(pid) for pid in leave_out}
    return [
        core
        for directory in proc.glob("[0-9]*")
        if directory.name not in out and (core := _only_core(directory / "status")) is not None
    ]


def _only_core(status: Path) -> int | None:
    try:
        fields = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
    except OSError:
        return None  # it has ended
    allowed = fields.get("Cpus_allowed_list", "").strip()
    # The kernel's own threads have no memory; each core has some that are pinned to it.
    return int(allowed) if "VmSize" in fields and allowed.isdigit() else None


def assign(arbiter: Any, worker: Any, wanted: Affinity) -> None:
    """Choose the core of a worker that is about to be forked: ``worker.core``."""
    siblings = dict(arbiter.WORKERS)
    taken = [other.core for other in siblings.values() if getattr(other, "core", None) is not None]
    others = pinned_processes(leave_out=siblings) if wanted == "auto" else []
    worker.core = choose_core(wanted, usable_cores(), taken, others)
