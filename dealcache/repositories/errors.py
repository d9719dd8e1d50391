"""What goes wrong with MongoDB, in two kinds. Their messages are safe to show: no URI, no host, no document."""

from __future__ import annotations


class StoreError(Exception):
    """MongoDB refused an operation, or holds a document that cannot be read."""


class StoreUnavailable(StoreError):  # noqa: N818 - the name says the state, as the readiness check words it
    """MongoDB does not answer; trying again later may help."""
