"""gunicorn's configuration, all of it from the environment (see README, "Configuration")."""

import os
from typing import Any

from dealcache.lane import support
from dealcache.server import affinity
from dealcache.server.hooks import (
    announce,
    bury_worker,
    hand_metrics_over,
    provide_metrics_directory,
    remove_metrics,
    start_background_work,
    stop_background_work,
    turn_newcomers_away_on_stop,
)
from dealcache.settings import SettingsError, load_settings

try:
    _settings = load_settings(os.environ)
    affinity.check(_settings.cpu_affinity, affinity.usable_cores())
    # Before the workers' class is imported, and prometheus-client with it, which looks for the directory then.
    provide_metrics_directory()
except SettingsError as error:
    raise SystemExit(f"dealcache: {error}") from None

bind = _settings.bind
workers = _settings.web_concurrency
threads = _settings.threads
#: Without what the hit lane needs, threads answer all requests.
_lane_lacks = support.missing() if _settings.hit_lane == "on" else "HIT_LANE is off"
worker_class = f"dealcache.server.{'lane_worker.LaneWorker' if _lane_lacks is None else 'worker.ProblemWorker'}"
logger_class = "dealcache.server.logger.ServerLogger"
accesslog = "-"
errorlog = "-"

#: The longest deal name, 512 characters of three bytes, takes 4,608 bytes percent-encoded; gunicorn's default is 4,094.
limit_request_line = 8190
keepalive = 75
backlog = 2048
#: A read may take HUBSPOT_DEADLINE_SECONDS; whoever is being answered when the service stops gets that long.
graceful_timeout = int(_settings.hubspot_deadline_seconds) + 15
#: A pipe into the master that nobody here uses; by default it lies in the home directory.
control_socket_disable = True


def on_starting(server: Any) -> None:
    """Prepare the end, and say what an operator should know."""
    turn_newcomers_away_on_stop(server)
    announce(_settings, _lane_lacks)


def pre_fork(server: Any, worker: Any) -> None:
    """Runs in the master, before a worker is there."""
    affinity.assign(server, worker, _settings.cpu_affinity)


def post_fork(_server: Any, worker: Any) -> None:
    """Runs in the worker, before it loads the application."""
    if worker.core is not None:
        affinity.pin(worker.core)


def post_worker_init(worker: Any) -> None:
    """Threads are started here: after the fork."""
    start_background_work(worker.wsgi)


def worker_exit(_server: Any, worker: Any) -> None:
    """Runs in the worker, before it ends."""
    stop_background_work(getattr(worker, "wsgi", None))


def child_exit(_server: Any, worker: Any) -> None:
    """Runs in the master, however the worker ended."""
    bury_worker(worker.pid)


def pre_exec(server: Any) -> None:
    """Runs when another master is about to take over (SIGUSR2)."""
    hand_metrics_over(server)


def on_exit(server: Any) -> None:
    """Leave nothing behind."""
    remove_metrics(server)
