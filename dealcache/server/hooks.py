"""What gunicorn calls at the turns of a process's life; ``gunicorn.conf.py`` names them."""

from __future__ import annotations

import ipaddress
import logging
import os
from pathlib import Path
from typing import Any

from dealcache import logs, metric_files
from dealcache.server.newcomers import turn_away
from dealcache.settings import Settings, SettingsError

log = logging.getLogger("dealcache.server")


def is_loopback(bind: str) -> bool:
    """Whether only this machine can reach the address: a loopback address or a Unix socket."""
    if bind.startswith("unix:"):
        return True
    host = bind.rpartition(":")[0].strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def announce(settings: Settings, lane_lacks: str | None) -> None:
    """Say at start what an operator should know before others find out.

    Args:
        settings: what the environment decides.
        lane_lacks: why the hit lane is off, None when it is on.
    """
    if lane_lacks is not None and settings.hit_lane == "on":
        log.warning("the hit lane is off, threads answer hits: %s", lane_lacks)
    if settings.api_token is None and not is_loopback(settings.bind):
        may = "read all deals" if settings.admin_token else "read all deals and clear the cache"
        log.warning("no API_TOKEN is set: anyone who reaches %s can %s", settings.bind, may)


def turn_newcomers_away_on_stop(arbiter: Any) -> None:
    """See to it that no connection is reset when the whole server stops.

    gunicorn has no hook at this moment, so its ``stop`` is wrapped. A reload stops workers without it: the listening
    sockets live on then. They do too when they are another master's as well, after SIGUSR2, or systemd's.
    """
    stop = arbiter.stop

    def stop_without_newcomers(graceful: bool = True) -> None:
        if arbiter.reexec_pid == arbiter.master_pid == 0 and not arbiter.systemd:
            for listener in arbiter.LISTENERS:
                turn_away(listener.sock)
        stop(graceful)

    arbiter.stop = stop_without_newcomers


def start_background_work(app: Any) -> None:
    """Start what runs beside the requests of a worker, after the fork."""
    logs.start_batching()
    app.extensions["dealcache.lifecycle"].start()


def begin_to_stop(app: Any) -> None:
    """Send away who would stay for ever, while requests that were accepted are still being answered."""
    app.extensions["dealcache.lifecycle"].begin_to_stop()


def stop_background_work(app: Any) -> None:
    """Stop it and close all connections; ``app`` is None when the worker could not load it."""
    if app is not None:
        app.extensions["dealcache.lifecycle"].stop()
    logs.stop_batching()


def provide_metrics_directory() -> None:
    """See to it that this server's workers keep their metrics in a directory of their own.

    Raises:
        SettingsError: there can be none.
    """
    given = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    try:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(metric_files.provide(given))
    except OSError as error:
        named = f"PROMETHEUS_MULTIPROC_DIR holds {given!r}" if given else "there is no directory for temporary files"
        raise SettingsError(f"{named}: {error.strerror}; metrics need a directory that can be written to") from None


def hand_metrics_over(arbiter: Any) -> None:
    """Let the master that replaces this one go on with its metrics; gunicorn gives it the environment of the start."""
    arbiter.cfg.env_orig["PROMETHEUS_MULTIPROC_DIR"] = os.environ["PROMETHEUS_MULTIPROC_DIR"]


def remove_metrics(arbiter: Any) -> None:
    """Remove the metrics of a server that ends, unless another master goes on with them."""
    replaced_one_lives = arbiter.master_pid != 0 and arbiter.master_pid == os.getppid()
    if arbiter.reexec_pid == 0 and not replaced_one_lives:
        metric_files.remove(_metrics_directory())


def bury_worker(pid: int) -> None:
    """Let what a worker that has ended held count no more, and keep what it has counted."""
    metric_files.bury(_metrics_directory(), pid)


def _metrics_directory() -> Path:
    return Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
