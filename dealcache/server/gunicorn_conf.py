"""gunicorn's configuration, all of it from the environment (see docs/configuration.md).

Importing it checks the environment and provides the directory of the metrics; a bad value ends the program with a line.
"""

import os
import resource
import sys
from typing import Any

from dealcache.lane import support
from dealcache.server import affinity
from dealcache.server.descriptors import connections_within
from dealcache.server.hooks import (  # noqa: F401 - gunicorn finds its hooks here
    announce,
    child_exit,
    drain_listeners_on_stop,
    on_exit,
    post_fork,
    post_worker_init,
    pre_exec,
    prepare,
    start_again_as_started,
    worker_exit,
)
from dealcache.server.systemd import postpone_ready
from dealcache.settings import SettingsError

try:
    # Before the workers' class is imported, and prometheus-client with it, which looks for its directory then.
    _settings = prepare(os.environ)
except SettingsError as error:
    raise SystemExit(f"dealcache: {error}") from None

bind = _settings.bind
workers = _settings.web_concurrency
threads = _settings.threads
#: Without what the event loop needs, threads receive requests and answer all of them.
_lane_lacks = support.missing()
worker_class = f"dealcache.server.{'lane_worker.LaneWorker' if _lane_lacks is None else 'worker.ProblemWorker'}"
logger_class = "dealcache.server.logger.ServerLogger"
accesslog = "-"
errorlog = "-"

#: The longest deal name, 512 characters of three bytes, takes 4,608 bytes percent-encoded; gunicorn's default is 4,094.
limit_request_line = 8190
keepalive = 75
worker_connections = connections_within(resource.getrlimit(resource.RLIMIT_NOFILE)[1])
#: No header field of a request sets a variable of the server, SCRIPT_NAME included.
forwarder_headers = ""
backlog = 2048
#: A read may take HUBSPOT_DEADLINE_SECONDS; requests under way when the service stops get that long.
graceful_timeout = int(_settings.hubspot_deadline_seconds) + 15
#: A pipe into the master that is not used here; by default it lies in the home directory.
control_socket_disable = True


def on_starting(server: Any) -> None:
    """Prepare the stop and the next start, and warn of what an operator should know."""
    start_again_as_started(server, sys.executable, sys.orig_argv)
    drain_listeners_on_stop(server)
    postpone_ready(server)
    announce(_settings, _lane_lacks)


def pre_fork(server: Any, worker: Any) -> None:
    """Choose the core of a worker; runs in the master."""
    affinity.assign(server, worker, _settings.cpu_affinity)
