"""The Flask application around one container."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from flask import Flask

from dealcache.api import (
    activity_summary,
    batches,
    cache_admin,
    deal_list,
    live_handshake,
    mongodb_only,
    operations,
    reads,
    status,
    sync_jobs,
    webhooks,
)
from dealcache.api.access import MOST_BYTES, install_hooks
from dealcache.api.edge import Edge
from dealcache.api.services import install_services
from dealcache.api.spec import install_description, install_problems
from dealcache.cli import COMMANDS
from dealcache.console import make_blueprint
from dealcache.container import Container
from dealcache.settings import Settings, load_settings


class SynchronousFlask(Flask):
    """A Flask application without coroutines, for which it would look at each hook and view of each request."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function as it is."""
        return func


def create_app(settings: Settings | None = None, clock: Callable[[], float] | None = None) -> Flask:
    """Make the WSGI application; ``app.extensions["dealcache"]`` is its container, which starts its threads.

    Args:
        settings: the settings; read from the environment unless given.
        clock: epoch seconds; see :class:`Container`.

    Raises:
        SettingsError: the environment has an invalid value.
    """
    settings = settings or load_settings(os.environ)
    container = Container(settings, clock)
    app = SynchronousFlask("dealcache", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MOST_BYTES
    # A path with doubled slashes is unknown, not moved.
    app.url_map.merge_slashes = False
    install_services(app, container)
    install_hooks(app, container.tokens, container.guard, container.metrics)
    install_problems(app)
    reading = (reads, batches, status, mongodb_only, deal_list, activity_summary, operations)
    blueprints = [part.blueprint for part in (*reading, cache_admin, sync_jobs, webhooks, live_handshake)]
    for blueprint in blueprints:
        app.register_blueprint(blueprint)
    install_description(app, blueprints, secured=settings.api_token is not None)
    if settings.console == "on":
        # A proxy may have removed a path, which browsers still have in front.
        app.register_blueprint(make_blueprint(urlsplit(settings.public_url or "").path))
    routes = {one.rule for one in app.url_map.iter_rules()}
    container.metrics.expect_routes(route for route in routes if route.startswith("/api/hubspot"))
    app.wsgi_app = Edge(app.wsgi_app, container.cors)  # type: ignore[method-assign]
    for command in COMMANDS:
        app.cli.add_command(command)
    return app
