"""The web console: one page and its static files, which use the HTTP API that everybody has."""

from dealcache.console.pages import make_blueprint
