"""Writes log lines in batches, from one thread, a few times a second.

Measured with 16 threads, a write system call per line costs cached reads a tenth of their throughput: not because of
the call itself, but because each one releases the interpreter lock and has to compete for it again.

A thread that logs puts its line into a queue and continues, whatever the reader does. There is one lock, that of the
logging handler, under which nothing waits: only the writing thread waits, and it holds no lock meanwhile.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dealcache.background import BackgroundThread
from dealcache.telemetry.log_outputs import MOST_BYTES, LogOutput

#: Seconds between two batches, and so the last lines that a killed process may lose.
INTERVAL = 0.05

#: Bytes that may wait; with more, lines are dropped and counted.
MOST_WAITING = 8 * 1024 * 1024

#: The longest line, in bytes. A longer one is replaced by a line that says how long it was.
LONGEST_LINE = 1024 * 1024

#: Seconds that a process without a writing thread, such as gunicorn's master, waits for a reader; and seconds that an
#: ending worker waits for its lines to be written.
_PATIENCE, _STOP_SECONDS = 1.0, 2.0

#: Seconds that the thread waits for a reader before it checks whether it must end.
_LOOK_SECONDS = 0.25


class BatchingHandler(logging.Handler):
    """Writes at once until :meth:`start_batching`; from then on in batches, and errors without delay.

    Args:
        output: takes the lines.
        hurried: True to write each line at once, for a person who watches.
    """

    def __init__(self, output: LogOutput, *, hurried: bool = False) -> None:
        super().__init__()
        self._output = output
        self._hurried = hurried
        self._on_dropped: Callable[[int], None] = _ignore
        self._ended = False  # its thread did not end in time, and is still writing
        self._stuck = False
        self._forget()
        os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        """Drop what waits; after a fork, the parent's thread writes it."""
        self._thread: BackgroundThread | None = None
        self._waiting = bytearray()
        self._dropped = 0

    def start_batching(self, on_dropped: Callable[[int], None] | None = None) -> None:
        """Begin to collect lines; called after a fork, because the writing thread does not survive one.

        Args:
            on_dropped: called with the number of dropped lines each time that happens.
        """
        self._on_dropped = on_dropped or _ignore
        self._thread = BackgroundThread("log", self._write_batch, INTERVAL)
        self._thread.start(INTERVAL)

    def stop_batching(self) -> None:
        """Write what waits, as far as the reader takes it within two seconds, and write at once from now on."""
        thread = self._thread
        if thread is None:
            return
        stop_by = time.monotonic() + _STOP_SECONDS
        has_ended = thread.stop(_STOP_SECONDS + 2 * _LOOK_SECONDS)
        if has_ended:
            self._write_until(stop_by)
        with self._locked():
            self._thread = None
            self._ended = not has_ended
            self._stuck = bool(self._waiting)
            if self._stuck:
                self._on_dropped(self._waiting.count(b"\n"))

    def close(self) -> None:
        """Write what waits, as far as the reader takes it; logging calls this when the program ends."""
        self.stop_batching()
        if not self._ended:
            self._output.close()
            self._forget()  # the process keeps this handler, because what it calls after a fork cannot be taken back
        super().close()

    def emit(self, record: logging.LogRecord) -> None:
        """Take one record. The caller, :meth:`logging.Handler.handle`, holds the lock."""
        line = self._line(record)
        if self._dropped or len(self._waiting) + len(line) > MOST_WAITING:
            self._dropped += 1
            self._on_dropped(1)
        else:
            self._waiting += line
        if self._thread is None:
            if not self._ended:
                self._stuck = not self._write_until(time.monotonic() + (0.0 if self._stuck else _PATIENCE))
        elif self._hurried or record.levelno >= logging.ERROR:
            self._thread.wake()

    def _line(self, record: logging.LogRecord) -> bytes:
        """Return the line of a record, or one that says that it cannot be shown. Nothing bypasses the queue."""
        try:
            line = self._encoded(record)
        except Exception as error:  # noqa: BLE001 - whatever the arguments of a line raise
            return self._encoded(_record(f"a line cannot be shown: {type(error).__name__}", like=record))
        if len(line) > LONGEST_LINE:
            return self._encoded(_record(f"a line of {len(line)} bytes is not shown", like=record))
        return line

    def _encoded(self, record: logging.LogRecord) -> bytes:
        return f"{self.format(record)}\n".encode("utf-8", "backslashreplace")

    def _write_batch(self) -> None:
        self._write_until(time.monotonic() + _LOOK_SECONDS)

    def _write_until(self, moment: float) -> bool:
        """Write what waits until that moment; return True if nothing is left."""
        while piece := self._next_piece():
            try:
                taken = self._output.write(piece, max(0.0, moment - time.monotonic()))
            except OSError:  # there is nowhere to report it, and it may pass: the lines wait, in bounded number
                return False
            if taken == 0:
                return False
            self._note(taken)
            if time.monotonic() >= moment:
                return not self._waiting
        return True

    def _next_piece(self) -> bytes:
        """Return as many lines as are written together: a single one may be longer."""
        with self._locked():
            end = self._waiting.rfind(b"\n", 0, MOST_BYTES)
            if end < 0:  # only whole lines are safe from those of other processes in a shared file
                end = self._waiting.find(b"\n")
            return bytes(self._waiting[: end + 1])

    def _note(self, taken: int) -> None:
        """Note that so many bytes were written; after dropped lines, accept new ones once half of the room is free."""
        with self._locked():
            del self._waiting[:taken]
            if self._dropped and len(self._waiting) <= MOST_WAITING // 2:
                text = f"{self._dropped} log lines were dropped here: the log was not read fast enough"
                self._waiting += self._encoded(_record(text))
                self._dropped = 0

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.acquire()
        try:
            yield
        finally:
            self.release()


def _ignore(_count: int) -> None:
    """Do nothing, in a process without metrics."""


def _record(text: str, like: logging.LogRecord | None = None) -> logging.LogRecord:
    name, level = (like.name, like.levelno) if like is not None else (__name__, logging.WARNING)
    return logging.LogRecord(name, level, "", 0, text, (), None)
