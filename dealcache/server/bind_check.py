"""Finds out at start whether a server can listen at ``BIND``; gunicorn would try for seconds, and log each failure."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

from dealcache.settings import SettingsError

#: Bytes of a Unix socket's path, unix(7).
_LONGEST_PATH = 107


def check_listening(bind: str) -> None:
    """Check that a server may listen at an address; another one may be doing so already, and be about to stop.

    Args:
        bind: the address, as :func:`dealcache.setting_values.address` accepts it.

    Raises:
        SettingsError: no server of this user can listen there.
    """
    try:
        if bind.startswith("unix:"):
            _check_path(Path(bind.removeprefix("unix:")))
        else:
            _try_to_bind(bind)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            allowed = "it may hold an address and a port of this machine, or unix: and a path where this user may write"
            raise SettingsError(f"BIND holds {bind!r}: {error.strerror}; {allowed}") from None


def _check_path(path: Path) -> None:
    if len(os.fsencode(path)) > _LONGEST_PATH:
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
    _check_directory(path.parent)
    if path.exists() and not path.is_socket():  # gunicorn replaces a socket that is there, and nothing else
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))


def _check_directory(directory: Path) -> None:
    if not directory.exists():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    if not directory.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    if not os.access(directory, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _try_to_bind(bind: str) -> None:
    host, _, port = bind.rpartition(":")
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    with socket.socket(family) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((host.strip("[]"), int(port)))
