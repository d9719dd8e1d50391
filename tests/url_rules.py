"""URL rules that are compiled once: tests make a thousand apps of the same rules, which took a third of making each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from werkzeug.routing import Rule

_compile = Rule._compile_builder
_compiled: dict[tuple[object, ...], Callable[..., tuple[str, str]]] = {}


def _compile_once(rule: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
    """Return the function that builds URLs of ``rule``, which takes the rule itself as its first argument."""
    converters = {name: type(converter) for name, converter in rule._converters.items()}
    key = (rule.rule, tuple(rule._trace), repr(rule.defaults), repr(converters), append_unknown)
    if key not in _compiled:
        _compiled[key] = _compile(rule, append_unknown)
    return _compiled[key]


def compile_each_once() -> None:
    """Have all apps of this process compile each rule once."""
    builder: Any = _compile_once
    Rule._compile_builder = builder  # type: ignore[method-assign]
