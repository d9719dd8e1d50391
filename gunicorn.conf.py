"""gunicorn's configuration for a checkout: that of the package."""

from dealcache.server.gunicorn_conf import *  # noqa: F403 - gunicorn takes the names that it knows
