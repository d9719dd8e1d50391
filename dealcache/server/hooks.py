"""gunicorn's hooks, under gunicorn's names, and the checks of ``gunicorn.conf.py`` at start."""

from __future__ import annotations

import gc
import logging
import os
import shutil
import sys
from collections.abc import MutableMapping, Sequence
from pathlib import Path
from typing import Any

from dealcache.server import affinity, systemd
from dealcache.server.allocator import limit_arenas
from dealcache.server.listener_drain import refuse_new_connections
from dealcache.server.start_checks import check_arguments, check_listening
from dealcache.setting_values import is_loopback
from dealcache.settings import Settings, SettingsError, load_settings
from dealcache.telemetry import logs, metric_files

log = logging.getLogger("dealcache.server")

#: Seconds after which a computing thread hands the interpreter's lock to one that waits for it, as the event loop does
#: in each hit. Beside a thread that does nothing but compute, the loop's answers took 5.2 ms with Python's own 0.005,
#: and take 0.7 ms with this. Threads that all compute lose about 2 %.
_HANDOVER_SECONDS = 0.0005


def prepare(environ: MutableMapping[str, str]) -> Settings:
    """Check the environment; return its settings, and give the workers of this server a metrics directory of their own.

    Raises:
        SettingsError: a value cannot be used on this machine.
    """
    settings = load_settings(environ)
    check_arguments()
    affinity.check(settings.cpu_affinity, affinity.usable_cores())
    passed = systemd.passed_sockets(environ, os.getpid())
    systemd.check_bind(settings.bind, passed)
    if not passed:
        check_listening(settings.bind)
    provide_metrics_directory(environ)
    return settings


def announce(settings: Settings, lane_lacks: str | None) -> None:
    """Log warnings for the operator at start; ``lane_lacks`` is why the hit lane is off, None when it is on."""
    if lane_lacks is not None and settings.hit_lane == "on":
        log.warning("the hit lane is off, threads answer hits: %s", lane_lacks)
    if settings.api_token is None and not is_loopback(settings.bind):
        may = "read all deals" if settings.admin_token else "read all deals and clear the cache"
        log.warning("no API_TOKEN is set: anyone who reaches %s can %s", settings.bind, may)
    if not settings.sync_interval_seconds and settings.hubspot_client_secret is None:
        log.warning("%s", _without_syncs(settings))


def _without_syncs(settings: Settings) -> str:
    """Return the consequences of having neither syncs nor webhooks configured."""
    unset = "neither SYNC_INTERVAL_SECONDS nor HUBSPOT_CLIENT_SECRET (webhooks) is set"
    age = settings.max_data_age_seconds
    if not age:
        only = "only after a sync or a refresh on request"
        return f"{unset}, and MAX_DATA_AGE_SECONDS is 0: changes in HubSpot show {only}"
    older = f"once its data is older than MAX_DATA_AGE_SECONDS ({age:.10g} s)"
    again = f"{older}, and new deals when they are asked for by name"
    return f"{unset}: a change in HubSpot shows after its deal is read {again}"


def start_again_as_started(arbiter: Any, executable: str, command: Sequence[str]) -> None:
    """Make SIGUSR2 start the next master with the command of this one.

    gunicorn takes ``sys.argv`` for the command, which is the path of a module after ``python -m gunicorn``: running
    that as a file puts gunicorn's directory, and its ``http``, before the standard library.

    ``command`` is the command line of the interpreter, ``executable``, itself included.
    """
    arbiter.START_CTX[0] = executable
    arbiter.START_CTX["args"] = [executable, *command[1:]]


def drain_listeners_on_stop(arbiter: Any) -> None:
    """Make sure that no connection is reset when the whole server stops.

    gunicorn has no hook at this moment, so its ``stop`` is wrapped. A reload stops workers without it, because the
    listening sockets stay open; so do those that belong to another master too, after SIGUSR2, or to systemd.
    """
    stop = arbiter.stop

    def stop_after_drain(graceful: bool = True) -> None:
        if arbiter.reexec_pid == arbiter.master_pid == 0 and not arbiter.systemd:
            for listener in arbiter.LISTENERS:
                refuse_new_connections(listener.sock)
        stop(graceful)

    arbiter.stop = stop_after_drain


def provide_metrics_directory(environ: MutableMapping[str, str]) -> None:
    """Give the workers of this server a metrics directory of their own; the environment names it from then on.

    Raises:
        SettingsError: it cannot be created.
    """
    given = environ.get("PROMETHEUS_MULTIPROC_DIR")
    try:
        environ["PROMETHEUS_MULTIPROC_DIR"] = str(metric_files.provide(given))
    except OSError as error:
        named = f"PROMETHEUS_MULTIPROC_DIR holds {given!r}" if given else "there is no directory for temporary files"
        raise SettingsError(f"{named}: {error.strerror}; metrics need a directory that can be written to") from None


def post_fork(arbiter: Any, worker: Any) -> None:
    """Bound a worker's memory and how long a thread keeps the interpreter lock, and pin the worker to its core.

    Called before the worker loads the application.
    """
    worker.notify_socket = arbiter.notify_socket
    sys.setswitchinterval(_HANDOVER_SECONDS)
    limit_arenas(os.environ)
    if worker.core is not None:
        os.sched_setaffinity(0, {worker.core})


def post_worker_init(worker: Any) -> None:
    """Start the background threads of a worker, after the fork, and report that the service is ready."""
    container = worker.wsgi.extensions["dealcache"]
    logs.start_batching(container.metrics.log_lines_dropped.inc)
    container.start()
    _spare_the_collector()
    systemd.report_ready(worker.notify_socket)


def _spare_the_collector() -> None:
    """Exclude the objects made at start, which stay, from garbage collections.

    A full collection spends 80 ms on them with the interpreter's lock held, and lists of deals cause one now and then.
    """
    gc.collect()
    gc.freeze()


def worker_exit(_arbiter: Any, worker: Any) -> None:
    """Stop the background threads of a worker and close all connections; it may have failed to load the application."""
    app = getattr(worker, "wsgi", None)
    if app is not None:
        app.extensions["dealcache"].stop()
    logs.stop_batching()
    if _was_told_to_stop():
        metric_files.mark_stopped(_metrics_directory(), worker.pid)


def _was_told_to_stop() -> bool:
    """Return True in a worker that ends in order; gunicorn ends others, such as one that hung, with another code."""
    return getattr(sys.exception(), "code", None) == 0


def child_exit(_arbiter: Any, worker: Any) -> None:
    """Remove the gauges of a worker that has ended, however it ended, from the metrics, and keep its counters."""
    metric_files.retire(_metrics_directory(), worker.pid)


def pre_exec(arbiter: Any) -> None:
    """Hand the metrics to the master that takes over (SIGUSR2); gunicorn gives it the environment of the start."""
    arbiter.cfg.env_orig["PROMETHEUS_MULTIPROC_DIR"] = os.environ["PROMETHEUS_MULTIPROC_DIR"]


def on_exit(arbiter: Any) -> None:
    """Remove the metrics of a server that ends, unless another master uses them."""
    replaced_one_lives = arbiter.master_pid != 0 and arbiter.master_pid == os.getppid()
    if arbiter.reexec_pid == 0 and not replaced_one_lives:
        shutil.rmtree(_metrics_directory(), ignore_errors=True)


def _metrics_directory() -> Path:
    return Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
