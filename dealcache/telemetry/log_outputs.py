"""Where log lines go: outputs that take what they can within a bound of time, and never hold their caller for longer.

A reader of standard error that stops reading, a terminal with Ctrl-S pressed: a plain ``write`` waits for them without
an end. Setting ``O_NONBLOCK`` on the descriptor is no way out, for it would hold for every process that shares it, the
shell included. So a pipe or a terminal is opened once more, without waiting, for this process alone.

The processes of a service share one pipe. That no line is cut by another process's, as far as it is not longer than
``PIPE_BUF``, is the kernel's promise for writes up to that size, and what :meth:`DescriptorOutput.write` cares for.
"""

from __future__ import annotations

import array
import fcntl
import os
import select
import socket
import stat
import termios
from typing import IO, Protocol

#: The most bytes of one system call. Fewer would mean more calls, each of which gives up the interpreter lock.
MOST_BYTES = 64 * 1024


class LogOutput(Protocol):
    """Takes bytes."""

    def write(self, data: bytes, seconds: float) -> int:
        """Take as much of ``data`` as there is room for, waiting at most so long for any; return how many bytes.

        Raises:
            OSError: the output refuses, because its reader is gone or the disk is full.
        """

    def close(self) -> None:
        """Let go what was opened for it; the stream itself stays."""


def output_of(stream: IO[str] | None) -> LogOutput:
    """Return the output behind a stream: that of its descriptor if it has one; None, a closed stream, takes nothing."""
    try:
        descriptor = stream.fileno() if stream is not None else None
    except (OSError, AttributeError):
        descriptor = None
    return StreamOutput(stream) if descriptor is None else DescriptorOutput(descriptor)


class StreamOutput:
    """A stream without a descriptor, such as one in memory; None, a closed one: what is written is lost.

    The stream is its owner's, and stays open.
    """

    def __init__(self, stream: IO[str] | None) -> None:
        self._stream = stream

    def write(self, data: bytes, seconds: float) -> int:
        """Write all of it."""
        if self._stream is not None:
            self._stream.write(data.decode("utf-8", "replace"))
            self._stream.flush()
        return len(data)

    def close(self) -> None:
        """Do nothing."""


class DescriptorOutput:
    """A file, pipe, terminal or socket, by its descriptor.

    Args:
        descriptor: open for writing; stays as it is.
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
                # No pipe; or another user's, or no /proc: where there is room at all, PIPE_BUF bytes do not wait.
                pass
        self._poll = select.poll()
        self._poll.register(self._descriptor, select.POLLOUT)

    def write(self, data: bytes, seconds: float) -> int:
        """Write what there is room for."""
        if not self._poll.poll(seconds * 1000):
            return 0
        try:
            if self._socket is not None:
                return self._socket.send(data, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
            return os.write(self._descriptor, data[: self._portion(data)])
        except BlockingIOError:  # another process has taken the room meanwhile
            return 0

    def _portion(self, data: bytes) -> int:
        """Return how many bytes to write at once, so that they go out whole."""
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
