"""The service's side of systemd: the listening socket that it passes, and the report that the service is ready.

See sd_listen_fds(3) and sd_notify(3). gunicorn knows both, but reports before any worker has loaded the application; a
release that cannot be loaded would then take the place of one that can.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterable, Mapping
from typing import Any

from gunicorn.systemd import SD_LISTEN_FDS_START, sd_notify

from dealcache.settings import SettingsError

log = logging.getLogger("dealcache.server")

_NOTIFY_SOCKET = "NOTIFY_SOCKET"


def passed_sockets(environ: Mapping[str, str], pid: int) -> range:
    """Return the descriptors of the listening sockets that systemd has passed to the process ``pid``."""
    passed = int(environ.get("LISTEN_FDS", "0")) if environ.get("LISTEN_PID") == str(pid) else 0
    return range(SD_LISTEN_FDS_START, SD_LISTEN_FDS_START + passed)


def check_bind(bind: str, descriptors: Iterable[int]) -> None:
    """Check that ``BIND`` is where passed sockets listen: whom the service believes depends on it.

    Raises:
        SettingsError: another address is.
    """
    addresses = [_address_of(descriptor) for descriptor in descriptors]
    if addresses and bind not in addresses:
        listens = ", ".join(addresses)
        raise SettingsError(f"BIND holds {bind!r}, but systemd listens on {listens}; both must be the same")


def _address_of(descriptor: int) -> str:
    """Return where a listening socket listens, as ``BIND`` names it."""
    with socket.socket(fileno=os.dup(descriptor)) as listener:
        name = listener.getsockname()
        if listener.family == socket.AF_UNIX:
            return f"unix:{name}"
        host = f"[{name[0]}]" if listener.family == socket.AF_INET6 else name[0]
        return f"{host}:{name[1]}"


def postpone_ready(arbiter: Any) -> None:
    """Leave it to the workers to report that the service is ready; runs in the master, before gunicorn reports."""
    arbiter.notify_socket = os.environ.pop(_NOTIFY_SOCKET, None)


def report_ready(notify_socket: str | None) -> None:
    """Report that the service is ready; runs in each worker that has loaded the application.

    Args:
        notify_socket: where systemd receives reports; None if it did not start this service.
    """
    if notify_socket is not None:
        os.environ[_NOTIFY_SOCKET] = notify_socket
        sd_notify("READY=1\nSTATUS=Ready", log, unset_environment=True)
