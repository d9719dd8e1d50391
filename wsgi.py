"""The WSGI application, for gunicorn and for the ``flask`` command."""

from dealcache.app import create_app

app = create_app()
