"""A replica set of one: what change streams and transactions need, without a second machine."""

from __future__ import annotations

import time
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure

_NOT_YET_INITIALIZED = 94  # MongoDB's error code NotYetInitialized


def make_primary(client: MongoClient[dict[str, Any]], name: str, host: str, deadline: float) -> None:
    """Make the server the primary of a replica set in which it is alone, and wait until it is.

    A data directory remembers the member's port. When the server has another one now, it would look for itself there
    and never become primary, so the configuration is rewritten.

    Args:
        client: connected to this server alone.
        name: of the replica set.
        host: this server's host and port.
        deadline: until when to wait, on the monotonic clock.

    Raises:
        TimeoutError: it has not become primary by the deadline.
        PyMongoError: the server refused.
    """
    wanted = {"_id": name, "members": [{"_id": 0, "host": host}]}
    try:
        config = client.admin.command("replSetGetConfig")["config"]
    except OperationFailure as error:
        if error.code != _NOT_YET_INITIALIZED:
            raise
        client.admin.command("replSetInitiate", wanted)
    else:
        if [member["host"] for member in config["members"]] != [host]:
            moved = config | {"members": wanted["members"], "version": config["version"] + 1}
            client.admin.command("replSetReconfig", moved, force=True)
    while not client.admin.command("hello")["isWritablePrimary"]:
        if time.monotonic() > deadline:
            raise TimeoutError("the replica set has no primary")
        time.sleep(0.05)
