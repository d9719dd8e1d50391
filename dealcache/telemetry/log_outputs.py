"""Outputs of log lines, which write as much as they can within a time limit and never block their caller for longer.

If a reader of standard error stops reading, or Ctrl-S is pressed in a terminal, a plain ``write`` blocks for ever.
Setting ``O_NONBLOCK`` on the descriptor is no solution, because it would affect every process that shares it, including
the shell. So a pipe or a terminal is opened once more, non-blocking, for this process alone.

The processes of a service share one pipe. Lines up to ``PIPE_BUF`` bytes are never interleaved with those of other
processes: the kernel guarantees it for writes up to that size, and :meth:`LogOutput.write` keeps to them.
"""

from __future__ import annotations

import array
import fcntl
import os
import select
import socket
import stat
import termios
from typing import IO

#: The most bytes of one system call. Fewer would mean more calls, each of which gives up the interpreter lock.
MOST_BYTES = 64 * 1024


def output_of(stream: IO[str] | None) -> LogOutput:
    """Return the output of a stream's descriptor; what goes to None, a standard error that was closed, is lost."""
    return LogOutput(os.open(os.devnull, os.O_WRONLY) if stream is None else stream.fileno())


class LogOutput:
    """A file, pipe, terminal or socket, by its descriptor.

    Args:
        descriptor: open for writing; it is not changed.
    """

    def __init__(self, descriptor: int) -> None:
        mode = os.fstat(descriptor).st_mode
        self._descriptor = self._given = descriptor
        self._socket: socket.socket | None = None
        self._is_file = stat.S_ISREG(mode)
        self._pipe_size = 0
        if stat.S_ISSOCK(mode):
            self._socket = socket.socket(fileno=os.dup(descriptor))
        elif not self._is_file:
            try:
                flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
                self._descriptor = os.open(f"/proc/self/fd/{descriptor}", flags)
                self._pipe_size = fcntl.fcntl(self._descriptor, fcntl.F_GETPIPE_SZ)
            except OSError:
                # Not a pipe, another user's, or no /proc: if there is any room, PIPE_BUF bytes do not block.
                pass
        self._poll = select.poll()
        self._poll.register(self._descriptor, select.POLLOUT)

    def write(self, data: bytes, seconds: float) -> int:
        """Write as much of ``data`` as there is room for, waiting at most so long for any; return how many bytes.

        Raises:
            OSError: its reader is gone, or the disk is full.
        """
        if not self._poll.poll(seconds * 1000):
            return 0
        try:
            if self._socket is not None:
                return self._socket.send(data, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
            return os.write(self._descriptor, data[: self._portion(data)])
        except BlockingIOError:  # another process has taken the room meanwhile
            return 0

    def _portion(self, data: bytes) -> int:
        """Return how many bytes to write at once, so that lines are written whole."""
        if self._is_file or len(data) <= select.PIPE_BUF:
            return len(data)
        if self._pipe_size and not self._bytes_in_pipe():
            return min(len(data), self._pipe_size)
        return (data.rfind(b"\n", 0, select.PIPE_BUF) + 1) or select.PIPE_BUF

    def _bytes_in_pipe(self) -> int:
        count = array.array("i", [0])
        fcntl.ioctl(self._descriptor, termios.FIONREAD, count)
        return count[0]

    def close(self) -> None:
        """Close what was opened beside the descriptor."""
        if self._socket is not None:
            self._socket.close()
        if self._descriptor != self._given:
            os.close(self._descriptor)
