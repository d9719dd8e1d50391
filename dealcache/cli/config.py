"""``config``: lists the settings in force."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

import click

from dealcache.settings import REQUIRED, VARIABLES, SettingsError, Variable, read, without_credentials


@click.command("config", short_help="List the settings in force.")
def config_command() -> None:
    """List the settings in force: each variable, its value, and whether that is the default or from the environment.

    Tokens and passwords are not shown. Exit codes: 0 all values are valid, 2 one is not, or is missing.
    """
    lines = [_line(variable, os.environ) for variable in VARIABLES]
    width = max(len(variable.name) for variable in VARIABLES)
    for variable, (text, _) in zip(VARIABLES, lines, strict=True):
        click.echo(f"{variable.name:<{width}}  {text}")
    if not all(valid for _, valid in lines):
        raise SystemExit(2)


def _line(variable: Variable, environ: Mapping[str, str]) -> tuple[str, bool]:
    """Return what to show of a variable, and whether its value is valid."""
    text = environ.get(variable.name, "").strip()
    try:
        read(variable, environ)
    except SettingsError as error:
        return f"invalid: {str(error).removeprefix(f'{variable.name} ')} (environment)", False
    if text:
        return f"{_shown(variable, text)} (environment)", True
    if variable.name in REQUIRED:
        return f"missing: {REQUIRED[variable.name]}", False
    return f"{_text_of(variable.default)} (default)", True


def _shown(variable: Variable, text: str) -> str:
    """Return a valid value as it may be shown."""
    if not variable.secret:
        return without_credentials(text)
    # The options of a URI may hold passwords too.
    is_uri = variable.name.endswith(("_URI", "_URL"))
    return without_credentials(text).partition("?")[0] if is_uri else "set, but not shown"


def _text_of(default: Any) -> str:
    """Return a default as it would be written in the environment."""
    match default:
        case None:
            return "not set"
        case frozenset() | tuple():
            return ",".join(str(one).removesuffix("/32").removesuffix("/128") for one in default) or "none"
        case ZoneInfo():
            return default.key
        case float():
            return f"{default:.10g}"
    return str(default)
