"""The documents that a first load has written, given to other accounts of the same deals: a load takes longer."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tests.integration.sync.harness import LONG_AGO, Account


class FirstLoad:
    """Loads the first account that it is given, and copies what that brought for the others."""

    def __init__(self) -> None:
        self._loaded_at = 0.0
        self._documents: dict[str, list[Any]] = {}

    def give(self, account: Account) -> None:
        """Bring an account, of which nothing is loaded, to where its first load would."""
        if self._documents:
            self._copy_to(account)
            return
        before = set(_documents(account))
        account.run()
        self._loaded_at = account.clock()
        # What the service writes at its start names this service, and of a load from before it nobody need be told.
        left_out = before | {"invalidations"}
        self._documents = {name: found for name, found in _documents(account).items() if name not in left_out}

    def _copy_to(self, account: Account) -> None:
        later = timedelta(seconds=account.clock() - self._loaded_at)
        for name, documents in self._documents.items():
            account.service.database[name].insert_many([_moved(one, later) for one in documents])
        account.sync.label_directory.renew()  # a load leaves the names of owners and stages in memory


def _documents(account: Account) -> dict[str, list[Any]]:
    """Return the documents of all collections that have any."""
    database = account.service.database
    found = {name: database[name].find().to_list() for name in database.list_collection_names()}
    return {name: documents for name, documents in found.items() if documents}


def _moved(value: Any, later: timedelta) -> Any:
    """Return ``value`` with the times of the load moved, and those of HubSpot's records left."""
    if isinstance(value, dict):
        return {name: _moved(one, later) for name, one in value.items()}
    if isinstance(value, list):
        return [_moved(one, later) for one in value]
    if isinstance(value, datetime) and value.timestamp() > LONG_AGO + 86_400:
        return value + later
    return value
