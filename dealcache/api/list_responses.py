"""Answers of lists. The entity tags of long ones are made before they are read, so that an unchanged list costs little.

A list shows MongoDB's documents and HubSpot's labels. The version of all lists identifies the documents and a digest
the labels, so a tag is the same in all workers. Both are read before the contents: contents newer than their tag get
another one the next time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import orjson
from flask import Response, request

from dealcache.api.responses import CACHE_CONTROL, JSON, conditional_response, not_modified
from dealcache.api.streaming import streamed_response
from dealcache.reader.entries import entity_tag

#: The version of the format of lists: another release must not take its tags for this one's.
_FORMAT = 2

_HEADERS = (("Cache-Control", CACHE_CONTROL),)


def list_tag(*depends_on: object) -> str:
    """Return the entity tag of a list that depends only on these values."""
    return entity_tag(orjson.dumps([_FORMAT, *depends_on]))


def short_list(content: object) -> Response:
    """Return a list of some dozens of rows, or 304 if the client has it; it is cheap enough to tag its contents."""
    body = orjson.dumps(content)
    return conditional_response(body, entity_tag(body), _HEADERS)


def long_list(pieces: Callable[[], Iterator[bytes]], etag: str) -> Response:
    """Return a list of any length, or 304 if the client has it; ``pieces`` makes its body.

    Raises:
        StoreError: MongoDB failed before there was anything to send.
    """
    if not_modified(request.environ.get("HTTP_IF_NONE_MATCH"), etag):
        return conditional_response(b"", etag, _HEADERS)
    body = iter(()) if request.method == "HEAD" else pieces()
    return streamed_response(body, JSON, [("ETag", etag), *_HEADERS])
