"""Queries that name the index that MongoDB must use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from pymongo.collection import Collection
from pymongo.errors import OperationFailure

from dealcache.repositories.documents import Document

T = TypeVar("T")

#: The error code of a hint that names no index; indexes are built while the service is already serving.
_BAD_VALUE = 2


def with_hint(ask: Callable[..., T], index: str) -> T:
    """Query with an index as the hint; without a hint while the index does not exist."""
    try:
        return ask(hint=index)
    except OperationFailure as error:
        if error.code != _BAD_VALUE:
            raise
    return ask()


def exists(collection: Collection[Document], condition: Document, index: str) -> bool:
    """Return True if the condition holds for a document, which MongoDB looks for by the index."""

    def ask(**hint: Any) -> Document | None:
        return collection.find_one(condition, {"_id": 1}, **hint)

    return with_hint(ask, index) is not None
