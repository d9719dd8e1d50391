"""What goes wrong with Redis. Apart from the connection, so that it can be named where redis-py is not installed."""

from __future__ import annotations


class RedisUnavailable(Exception):  # noqa: N818 - the name says the state
    """Redis does not answer, or refuses; whoever asked goes on without it. The message names no host and no secret."""
