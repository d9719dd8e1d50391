"""Which process holds the other end of a connection: what a report needs to name a worker, which no answer does."""

from __future__ import annotations

import socket
from collections.abc import Collection
from pathlib import Path


def holder_of_other_end(connection: socket.socket, pids: Collection[int]) -> int | None:
    """Return the process at the other end of a connection over the loopback interface; None when none is."""
    peer, ours = connection.getpeername()[1], connection.getsockname()[1]
    inode = _inode_of(peer, ours)
    return next((pid for pid in pids if inode is not None and _holds(pid, inode)), None)


def _inode_of(port: int, peer: int) -> str | None:
    """The kernel's number of the loopback socket on ``port`` whose peer has the port ``peer`` (proc(5), net/tcp)."""
    ends = [f"0100007F:{port:04X}", f"0100007F:{peer:04X}"]
    for line in Path("/proc/net/tcp").read_text("ascii").splitlines()[1:]:
        fields = line.split()
        if fields[1:3] == ends:
            return fields[9]
    return None


def _holds(pid: int, inode: str) -> bool:
    wanted = f"socket:[{inode}]"
    try:
        return any(_target(entry) == wanted for entry in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False  # the process has ended


def _target(entry: Path) -> str:
    try:
        return str(entry.readlink())
    except OSError:
        return ""  # closed since it was listed
