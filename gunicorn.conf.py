"""gunicorn's configuration, all of it from the environment (see README, "Configuration")."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from dealcache.server.hooks import (
    announce,
    mark_worker_dead,
    start_background_work,
    stop_background_work,
    turn_newcomers_away_on_stop,
)
from dealcache.settings import SettingsError, load_settings

try:
    _settings = load_settings(os.environ)
except SettingsError as error:
    raise SystemExit(f"dealcache: {error}") from None

bind = _settings.bind
workers = _settings.web_concurrency
threads = _settings.threads
worker_class = "dealcache.server.worker.ProblemWorker"
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

# prometheus-client chooses where values live when it is imported, which happens in the workers.
_metrics_dir = Path(os.environ.get("PROMETHEUS_MULTIPROC_DIR") or tempfile.mkdtemp(prefix="dealcache-"))
os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_metrics_dir)


def on_starting(server: Any) -> None:
    """Begin with no values of an earlier run, prepare the end, and say what an operator should know."""
    _metrics_dir.mkdir(parents=True, exist_ok=True)
    for values in _metrics_dir.glob("*.db"):
        values.unlink()
    turn_newcomers_away_on_stop(server)
    announce(_settings)


def post_worker_init(worker: Any) -> None:
    """Threads are started here: after the fork."""
    start_background_work(worker.wsgi)


def worker_exit(_server: Any, worker: Any) -> None:
    """Runs in the worker, before it ends."""
    stop_background_work(getattr(worker, "wsgi", None))


def child_exit(_server: Any, worker: Any) -> None:
    """Runs in the master, however the worker ended."""
    mark_worker_dead(worker.pid)


def on_exit(_server: Any) -> None:
    """Leave nothing behind but what the operator made."""
    # By its name, because after a reload the variable is set by ourselves.
    if _metrics_dir.parent == Path(tempfile.gettempdir()) and _metrics_dir.name.startswith("dealcache-"):
        shutil.rmtree(_metrics_dir, ignore_errors=True)
