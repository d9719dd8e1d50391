"""The WSGI application, for gunicorn and for the ``flask`` command."""

import os

if os.environ.get("FLASK_RUN_FROM_CLI"):
    # Before anything imports prometheus-client: a command has no workers whose metrics it could add up.
    os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)

from dealcache.app import create_app
from dealcache.settings import SettingsError

try:
    app = create_app()
except SettingsError as error:
    raise SystemExit(f"dealcache: {error}") from None
