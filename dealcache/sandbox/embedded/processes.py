"""Starting and stopping processes so that none is left behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

_PARENT_DEATH_SIGNAL = Path(__file__).with_name("parent_death_signal.py")


def start(
    command: Sequence[str],
    *,
    environ: Mapping[str, str] | None = None,
    directory: Path | None = None,
    output: IO[bytes] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own, which ends when this process dies.

    Its own session keeps the terminal's Ctrl-C from it: the order in which things stop is ours to decide.

    Args:
        command: program and arguments.
        environ: its environment; this process's unless given.
        directory: its working directory; this process's unless given.
        output: takes its standard output and error; those of this process unless given.
    """
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(_PARENT_DEATH_SIGNAL), str(os.getpid()), *command],
        env=None if environ is None else dict(environ),
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
    )


def stop(process: subprocess.Popen[bytes], patience: float) -> None:
    """Ask a process to end and wait; when it does not, end it and all of its session that are left.

    Args:
        process: one that :func:`start` started; it may have ended already.
        patience: seconds it has for ending by itself.
    """
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a process and its whole session at once."""
    if process.poll() is None:
        with suppress(ProcessLookupError):  # it may end between the two lines
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def exit_code(returncode: int) -> int:
    """A process's return code as a shell reports it: 128 plus the signal for one that a signal ended."""
    return 128 - returncode if returncode < 0 else returncode


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def log_tail(path: Path, offset: int, lines: int) -> str:
    """The last lines of a log that were written after ``offset`` bytes; empty when there is none."""
    if not path.exists():
        return ""
    with path.open("rb") as log:
        log.seek(offset)
        return "\n".join(log.read().decode("utf-8", "replace").splitlines()[-lines:])
