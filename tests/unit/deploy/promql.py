"""Finds the metrics, labels and values that a PromQL expression names."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TEXT = r'"(?:[^"\\]|\\.)*"'
_MATCHER = re.compile(rf"\s*(\w+)\s*(=~|!~|!=|=)\s*({_TEXT})\s*,?")
_SELECTOR = re.compile(rf"([a-zA-Z_:][\w:]*)(?![\w:])\s*(?:\{{((?:[^}}\"]|{_TEXT})*)\}}|(?!\s*\())")
_GROUPING = re.compile(r"\b(by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
_WINDOW = re.compile(r"\[[^\]]*\]")
_WORDS = {"and", "or", "unless", "bool", "offset", "sum", "min", "max", "avg", "count", "by", "without", "inf", "nan"}


@dataclass(frozen=True, slots=True)
class Selector:
    """A metric with what is said of its labels: the name, the operator and the text of each matcher."""

    metric: str
    matchers: tuple[tuple[str, str, str], ...]


def selectors_of(expression: str) -> list[Selector]:
    """Return the selectors of an expression, in its order."""
    bare = _WINDOW.sub("", _GROUPING.sub("", _without_comments(expression)))
    return [
        Selector(name, tuple((label, how, text[1:-1]) for label, how, text in _MATCHER.findall(matchers)))
        for name, matchers in _SELECTOR.findall(bare)
        if name not in _WORDS
    ]


def groupings_of(expression: str) -> set[str]:
    """Return the labels by or without which values are grouped."""
    grouped = (
        label.strip() for _, labels in _GROUPING.findall(_without_comments(expression)) for label in labels.split(",")
    )
    return {label for label in grouped if label}


def accepts(matcher: tuple[str, str, str], value: str) -> bool:
    """Return True if a label with that value passes a matcher."""
    _, how, text = matcher
    found = re.fullmatch(text, value) is not None if "~" in how else text == value
    return found is not how.startswith("!")


def _without_comments(expression: str) -> str:
    return re.sub(r"#.*", "", expression)
