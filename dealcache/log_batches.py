"""Writes log lines in batches, from one thread, a few times a second.

Measured on 16 threads, a write system call per line costs a cached read a tenth of its throughput: not for the call
itself, but because each one gives up the interpreter lock and has to fight for it again.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import IO


class BatchingHandler(logging.StreamHandler[IO[str]]):
    """Writes at once until :meth:`start_batching`; from then on in batches, and errors without delay.

    Args:
        stream: where lines go.
        interval: seconds between two batches: what a killed process loses at most of its last lines.
        most_waiting: lines that may wait; with more, because the stream is slow, loggers write themselves and wait.
    """

    def __init__(self, stream: IO[str], interval: float = 0.05, most_waiting: int = 10_000) -> None:
        super().__init__(stream)
        self._interval = interval
        self._most_waiting = most_waiting
        self._waiting: deque[str] = deque()
        self._writing = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._stopping = False

    def start_batching(self) -> None:
        """Begin to collect lines; called after a fork, for the thread that writes them does not survive one."""
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def stop_batching(self) -> None:
        """Write what waits, and write at once from now on."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._stopping = True
            self._wake.set()
            thread.join()
        self._write_waiting()

    def emit(self, record: logging.LogRecord) -> None:
        """Take one record."""
        try:
            self._waiting.append(self.format(record) + self.terminator)
            if self._thread is None or len(self._waiting) > self._most_waiting:
                self._write_waiting()
            elif record.levelno >= logging.ERROR:
                self._wake.set()
        except Exception:  # noqa: BLE001 - logging's own rule: a handler reports its failures through handleError
            self.handleError(record)

    def _run(self) -> None:
        while not self._stopping:
            self._wake.wait(self._interval)
            self._wake.clear()
            self._write_waiting()

    def _write_waiting(self) -> None:
        with self._writing:
            lines = []
            while self._waiting:
                lines.append(self._waiting.popleft())
            if lines:
                self.stream.write("".join(lines))
                self.flush()
