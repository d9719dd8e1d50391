"""Clients that read a list over and over, in processes of their own: ``python -m benchmarks.lists.readers URL``."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.affinity import resident_bytes
from benchmarks.client import Client, expect
from benchmarks.service import ROOT

#: Seconds until a list is under way in any case, and between two looks at the server's memory.
_SETTLE_SECONDS, _LOOK_SECONDS = 0.5, 0.02


@contextmanager
def reading(base_url: str, target: str, clients: int) -> Iterator[None]:
    """Have some clients read ``target`` in a loop, on the cores of this process."""
    command = [sys.executable, "-m", "benchmarks.lists.readers", base_url, target]
    processes = [subprocess.Popen(command, cwd=ROOT) for _ in range(clients)]
    try:
        time.sleep(_SETTLE_SECONDS * 2)
        if any(one.poll() is not None for one in processes):
            raise RuntimeError(f"a reader of {target} ended")
        yield
    finally:
        for one in processes:
            one.kill()
            one.wait()


class Growth:
    """The most by which the memory of a process and its descendants grows while the block runs, in bytes."""

    def __init__(self, pid: int) -> None:
        self.most = 0
        self._pid = pid
        self._before = resident_bytes(pid)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Growth:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(_LOOK_SECONDS):
            self.most = max(self.most, resident_bytes(self._pid) - self._before)


def main(base_url: str, target: str) -> None:
    """Read for ever."""
    with Client(base_url) as client:
        while True:
            expect(client.ask(target))


if __name__ == "__main__":
    main(*sys.argv[1:3])
