"""Queries that name the index that MongoDB must use."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from pymongo.errors import OperationFailure

T = TypeVar("T")

#: The error code of a hint that names no index; indexes are built while the service is already serving.
_BAD_VALUE = 2


def hinted(ask: Callable[..., T], index: str) -> T:
    """Query with an index as the hint; without a hint while the index does not exist."""
    try:
        return ask(hint=index)
    except OperationFailure as error:
        if error.code != _BAD_VALUE:
            raise
    return ask()
