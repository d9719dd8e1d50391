"""The collection ``identity``: the HubSpot account and the name of a database, each written once.

And the currencies of the account's company.
"""

from __future__ import annotations

import time
import uuid

from pymongo import ReadPreference
from pymongo.errors import DuplicateKeyError, OperationFailure

from dealcache.model.currencies import CompanyCurrencies, currency_code
from dealcache.repositories.connection import Connection, Repository
from dealcache.repositories.documents import Document
from dealcache.repositories.recent_answers import RecentAnswers
from dealcache.repositories.record_documents import read_all

#: The document with the HubSpot account of the data, and the one with the name of this database.
ACCOUNT = "account"
INSTALLATION = "installation"

_COMPANY: Document = {"_id": "company"}
#: Seconds for which its currencies are remembered, and what stands for none.
_CURRENCY_SECONDS = 60.0
_UNKNOWN = CompanyCurrencies("")

#: Digits of MongoDB's id of the collection.
_COLLECTION_DIGITS = 8


class IdentityRepository(Repository):
    """Reads and writes identities."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._currencies = RecentAnswers[str, CompanyCurrencies](_CURRENCY_SECONDS, time.monotonic)

    def portal_id(self) -> int | None:
        """Return the id of the HubSpot account that the database belongs to, None before the first :meth:`bind`."""
        with self._connection.operation() as database:
            identity = database.identity.with_options(read_preference=ReadPreference.PRIMARY)
            found = identity.find_one({"_id": ACCOUNT})
        return None if found is None else _portal_id(found)

    def bind(self, portal_id: int) -> int:
        """Bind the database to a HubSpot account unless it is bound; return the id of the one that it is bound to."""
        return _portal_id(self._first(ACCOUNT, {"portal_id": portal_id}))

    def currencies(self) -> CompanyCurrencies | None:
        """Return the company's currencies; None while HubSpot has not told them."""
        known = self._currencies.get("company", lambda: self._find_currencies() or _UNKNOWN)
        return known if known.home else None

    def home_currency(self) -> str | None:
        """Return the code of the company's currency; None while HubSpot has not told it."""
        known = self.currencies()
        return None if known is None else known.home

    def note_currencies(self, present: CompanyCurrencies) -> None:
        """Note the company's currencies; its own remains the first one noted, by which deals are stored.

        A company that takes another one has its former deals in their own currency still, and the new deals as those in
        any other.
        """
        known = self._find_currencies()
        wanted = present if known is None else present._replace(home=known.home)
        if wanted != known:
            with self._connection.operation() as database:
                database.identity.update_one(_COMPANY, {"$set": wanted._asdict()}, upsert=True)
            self._currencies.remember("company", wanted)

    def _find_currencies(self) -> CompanyCurrencies | None:
        with self._connection.operation() as database:
            found = database.identity.find_one(_COMPANY) or {}
        home = currency_code(found.get("home"))
        return None if home is None else CompanyCurrencies(home, found.get("has_others") is True)

    def installation(self) -> str:
        """Return the name of this database among all others: a random id, made by the first caller.

        MongoDB's own id of the collection is a part of it: a copy made from a dump has another one, a copy of the
        server's files has the same.
        """
        name = str(self._first(INSTALLATION, {"installation_id": uuid.uuid4().hex})["installation_id"])
        with self._connection.operation() as database:
            try:
                found = database.list_collections(filter={"name": "identity"}).to_list()
            except OperationFailure:
                return name  # without the right to list collections
        own = found[0].get("info", {}).get("uuid") if found else None
        return name if own is None else f"{name}-{bytes(own).hex()[:_COLLECTION_DIGITS]}"

    def _first(self, name: str, fields: Document) -> Document:
        """Write a document unless it exists; return the existing one."""
        with self._connection.operation() as database:
            identity = database.identity.with_options(read_preference=ReadPreference.PRIMARY)
            if known := identity.find_one({"_id": name}):
                return known
            try:
                identity.insert_one({"_id": name} | fields)
            except DuplicateKeyError:
                return identity.find_one({"_id": name}) or fields  # another process has just written it
        return fields


def _portal_id(document: Document) -> int:
    return read_all("identity", lambda one: int(one["portal_id"]), [document])[0]
