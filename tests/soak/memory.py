"""The memory that workers take, and whether it grows."""

from __future__ import annotations

import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

_SAMPLE_SECONDS = 2.0
#: Seconds in which a worker fills its caches and makes its threads; what it takes then is no growth.
WARM_UP = 45.0
#: Seconds over which samples are taken together.
_WINDOW = 15.0
#: What a worker may take more than when it was warm. The deals of the soak grow by some kilobytes; what clients that
#: stall make it take is bounded and freed, but the allocator keeps some 50 MB of that (less than 10 after malloc_trim).
MOST_GROWTH = 96 * 1024 * 1024


class Sample(NamedTuple):
    """The memory of a process at one moment, in bytes."""

    at: float
    resident: int


class Growth(NamedTuple):
    """The memory of a worker when it was warm and at its end, in bytes, and for how many seconds it lived."""

    warm: int
    last: int
    lived: float

    @property
    def too_much(self) -> bool:
        """True if it looks like a leak."""
        return self.last - self.warm > MOST_GROWTH


def growth_of(samples: Sequence[Sample]) -> Growth | None:
    """Return how the memory of one process grew, None if it did not live long enough to tell."""
    first, last = samples[0].at, samples[-1].at
    warm = [one.resident for one in samples if WARM_UP <= one.at - first < WARM_UP + _WINDOW]
    late = [one.resident for one in samples if last - one.at < _WINDOW]
    if last - first < WARM_UP + 2 * _WINDOW:
        return None
    return Growth(int(statistics.median(warm)), int(statistics.median(late)), last - first)


class MemoryWatch:
    """Samples the memory of all workers, in a thread of its own.

    Args:
        workers: gives the process ids of the workers that live, with the names of their instances.
    """

    def __init__(self, workers: Callable[[], Mapping[int, str]]) -> None:
        self._workers = workers
        self._ended = threading.Event()
        self._samples: defaultdict[tuple[str, int], list[Sample]] = defaultdict(list)
        self._thread = threading.Thread(target=self._run, name="memory", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._ended.set()
        self._thread.join()

    def growths(self) -> dict[str, Growth]:
        """Return how each worker grew that lived long enough."""
        grown = {f"{name}, worker {pid}": growth_of(samples) for (name, pid), samples in self._samples.items()}
        return {name: growth for name, growth in grown.items() if growth is not None}

    def _run(self) -> None:
        while not self._ended.wait(_SAMPLE_SECONDS):
            for pid, name in self._workers().items():
                resident = resident_bytes(pid)
                if resident:
                    self._samples[name, pid].append(Sample(time.monotonic(), resident))


def resident_bytes(pid: int) -> int:
    """Return what a process takes; 0 when it is about to end or has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text("ascii", "replace").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:")), 0)
