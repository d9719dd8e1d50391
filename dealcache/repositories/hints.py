"""Questions that name the index that MongoDB is to use."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from pymongo.errors import OperationFailure

T = TypeVar("T")

#: The code of a hint that names no index; indexes are made while the service serves already.
_BAD_VALUE = 2


def hinted(ask: Callable[..., T], index: str) -> T:
    """Ask with an index as the hint; without one while there is no such index."""
    try:
        return ask(hint=index)
    except OperationFailure as error:
        if error.code != _BAD_VALUE:
            raise
    return ask()
