"""What is the same in all apps of a process is made once: tests make a thousand, and it took half of making each.

Those are the rules of URLs, the console's files and the versions of packages.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import metadata
from typing import Any

from werkzeug.routing import Rule

from dealcache.console import pages

_compile = Rule._compile_builder
_compiled: dict[tuple[object, ...], Callable[..., tuple[str, str]]] = {}


def _compile_once(rule: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
    """Return the function that builds URLs of ``rule``, which takes the rule itself as its first argument."""
    converters = {name: type(converter) for name, converter in rule._converters.items()}
    key = (rule.rule, tuple(rule._trace), repr(rule.defaults), repr(converters), append_unknown)
    if key not in _compiled:
        _compiled[key] = _compile(rule, append_unknown)
    return _compiled[key]


def share() -> None:
    """Have all apps of this process share what is the same in all of them."""
    builder: Any = _compile_once
    Rule._compile_builder = builder  # type: ignore[method-assign]
    pages.read_assets = cache(pages.read_assets)
    metadata.version = cache(metadata.version)
