"""The WSGI application, for gunicorn and for the ``flask`` command."""

from dealcache.app import create_app
from dealcache.settings import SettingsError

try:
    app = create_app()
except SettingsError as error:
    raise SystemExit(f"dealcache: {error}") from None
