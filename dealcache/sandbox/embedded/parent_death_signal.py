"""Becomes another program that gets SIGTERM when the process that started it dies, however that dies.

Run as a script, ``python -I -S parent_death_signal.py <pid of the parent> <program> <argument>…``, because the
alternative, ``preexec_fn``, runs Python between fork and exec and may deadlock when the parent has threads. An exec
keeps the signal, so no process stays in between. On systems other than Linux the program just starts.

Source: Linux, prctl(2), PR_SET_PDEATHSIG. Note there: "parent" is the thread that started the child, so children are
to be started by a thread that lives as long as they should.
"""

from __future__ import annotations

import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def _die_with_parent(parent: int) -> None:
    if not sys.platform.startswith("linux"):
        return
    import ctypes

    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:  # it died before the signal was asked for
        sys.exit(0)


if __name__ == "__main__":
    _die_with_parent(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 - no shell is wanted
