"""Finds out at start what gunicorn would not accept, so that one line tells it.

It would answer to ``GUNICORN_CMD_ARGS`` that it does not understand with its whole usage, and would try for seconds to
listen at ``BIND``, and log each failure.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import socket
import tempfile
from argparse import Namespace
from pathlib import Path
from typing import Any

from dealcache.settings import SettingsError, without_credentials

_NAME = "GUNICORN_CMD_ARGS"

#: Bytes of a Unix socket's path, unix(7).
_LONGEST_PATH = 107


def check_arguments() -> None:
    """Check the arguments that the environment has for gunicorn.

    Raises:
        SettingsError: gunicorn will refuse them, or the working directory.
    """
    # Its import reads the environment, which must have been checked before, and the working directory.
    try:
        from gunicorn.config import Config
    except FileNotFoundError:
        raise SettingsError("the working directory does not exist any more; start in another one") from None
    from gunicorn.errors import ConfigError

    config = Config(prog="gunicorn")
    try:
        arguments = _parsed(config)
        for name, value in vars(arguments).items():
            if name != "args" and value is not None:
                config.set(name, value)
    except (ValueError, TypeError, AssertionError, ConfigError) as error:
        given = without_credentials(config.env_orig[_NAME])
        reason = " ".join(str(error).split())
        raise SettingsError(f"{_NAME} holds {given[:200]!r}; it may hold options of gunicorn: {reason}") from None


def _parsed(config: Any) -> Namespace:
    """Return the arguments; raise ValueError with gunicorn's reason if it does not accept them."""
    told = io.StringIO()
    try:
        with contextlib.redirect_stderr(told):
            found: Namespace = config.parser().parse_args(config.get_cmd_args_from_env())
    except SystemExit as end:
        if not end.code:
            raise  # they ask for its help, which it has shown
        raise ValueError(told.getvalue().strip().rpartition("error: ")[2]) from None
    return found


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
    tempfile.TemporaryFile(dir=path.parent).close()
    if path.exists() and not path.is_socket():  # gunicorn replaces a socket that is there, and nothing else
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))


def _try_to_bind(bind: str) -> None:
    host, _, port = bind.rpartition(":")
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    with socket.socket(family) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((host.strip("[]"), int(port)))
