"""The WSGI application, for gunicorn and for the ``flask`` command."""

import os

from dealcache.telemetry import metric_files

if os.environ.get("FLASK_RUN_FROM_CLI"):
    # Before anything imports prometheus-client.
    metric_files.leave_to_servers(os.environ)

from dealcache.app import create_app
from dealcache.settings import SettingsError

try:
    app = create_app()
except SettingsError as error:
    raise SystemExit(f"dealcache: {error}") from None
