"""Finds out at start whether gunicorn understands ``GUNICORN_CMD_ARGS``; it would answer with its whole usage."""

from __future__ import annotations

import contextlib
import io
from argparse import Namespace
from typing import Any

from dealcache.settings import SettingsError, without_credentials

_NAME = "GUNICORN_CMD_ARGS"


def check_arguments() -> None:
    """Check the arguments that the environment has for gunicorn.

    Raises:
        SettingsError: gunicorn will refuse them, or the working directory.
    """
    # Its import reads the environment, which must have been checked before, and the working directory.
    try:
        from gunicorn.config import Config
    except FileNotFoundError:
        raise SettingsError("the working directory does not exist any more; start in another one") from None
    from gunicorn.errors import ConfigError

    config = Config(prog="gunicorn")
    try:
        arguments = _parsed(config)
        for name, value in vars(arguments).items():
            if name != "args" and value is not None:
                config.set(name, value)
    except (ValueError, TypeError, AssertionError, ConfigError) as error:
        given = without_credentials(config.env_orig[_NAME])
        reason = " ".join(str(error).split())
        raise SettingsError(f"{_NAME} holds {given[:200]!r}; it may hold options of gunicorn: {reason}") from None


def _parsed(config: Any) -> Namespace:
    """Return the arguments; raise ValueError with gunicorn's reason if it does not accept them."""
    told = io.StringIO()
    try:
        with contextlib.redirect_stderr(told):
            found: Namespace = config.parser().parse_args(config.get_cmd_args_from_env())
    except SystemExit as end:
        if not end.code:
            raise  # they ask for its help, which it has shown
        raise ValueError(told.getvalue().strip().rpartition("error: ")[2]) from None
    return found
