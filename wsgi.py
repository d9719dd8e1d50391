"""The WSGI application for a checkout, as ``wsgi:app``: that of the package."""

from dealcache.wsgi import app

__all__ = ["app"]
