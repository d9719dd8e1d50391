"""A Flask app with nothing behind its blueprints but what a test puts there."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from flask_smorest import Blueprint

from dealcache.api.access import Tokens, install_hooks
from dealcache.api.cross_site import Cors, CrossSiteGuard
from dealcache.api.spec import install_problems
from dealcache.telemetry.metrics import Metrics
from tests.clocks import ManualClock

#: A guard that lets everything through, because nobody knows any account.
ANY_ACCOUNT = SimpleNamespace(bound=None, wrong=None, admit=lambda _deadline: None)


def client_of(blueprint: Blueprint, tokens: Tokens | None = None, **services: Any) -> FlaskClient:
    """A client of an app that has one blueprint; ``services`` are the parts that its views find."""
    app = Flask("dealcache")
    app.config["MAX_CONTENT_LENGTH"] = 1024 * 1024
    parts = app.extensions["dealcache"] = SimpleNamespace(
        **{"clock": ManualClock(), "account": ANY_ACCOUNT, "now": lambda: datetime.fromtimestamp(parts.clock(), UTC)}
        | services
    )
    guard = CrossSiteGuard("0.0.0.0:8000", None, Cors(frozenset()), tokens=False)
    install_hooks(app, tokens or Tokens(None, None), guard, Metrics())
    install_problems(app)
    app.register_blueprint(blueprint)
    return app.test_client()
