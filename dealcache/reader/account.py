"""Keeps the data of different HubSpot accounts apart: a database belongs to one account.

With the token of account B on the database of account A, each would archive the deals that only the other one has. So a
process finds out once which account its token belongs to, and compares it with the database's. Until then, and if they
differ, it makes no call to HubSpot whose answer might be stored.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from dealcache.hubspot.errors import (
    Forbidden,
    HubSpotError,
    MalformedAnswer,
    NotFound,
    Rejected,
    TimedOut,
    WrongAccount,
)
from dealcache.hubspot.gateway import Account
from dealcache.model.currencies import CompanyCurrencies
from dealcache.model.deadline import Deadline
from dealcache.reader.single_flight import FlightTimeoutError, SingleFlight
from dealcache.repositories import IdentityRepository, StoreError

log = logging.getLogger(__name__)

#: Answers after which HubSpot is not expected to name the account; the token may lack the right, for example.
_WITHHELD = (Forbidden, MalformedAnswer, NotFound, Rejected)

#: Seconds to wait for the first comparison of the accounts.
_VERDICT_SECONDS = 2.0


class AccountGuard:
    """Compares the token's account with that of the database. Thread-safe.

    Args:
        ask: returns the token's account, from HubSpot, by a deadline.
        identity: holds the id of the database's account, and the company's currencies.
        database: the name of the database, for messages.

    Attributes:
        own: the id of the token's account; None while it is not known.
        bound: the id of the database's account; None while none is known.
        wrong: the reason not to work with HubSpot; None unless the accounts are known to differ.
        is_withheld: True if HubSpot refused to name the token's account.
    """

    def __init__(self, ask: Callable[[Deadline], Account], identity: IdentityRepository, database: str) -> None:
        self._ask = ask
        self._identity = identity
        self._database = database
        self._flights: SingleFlight[str, None] = SingleFlight()
        self._tried = threading.Event()
        self._currencies: CompanyCurrencies | None = None
        self.own: int | None = None
        self.bound: int | None = None
        self.wrong: WrongAccount | None = None
        self.is_withheld = False

    def verdict(self) -> WrongAccount | None:
        """Return :attr:`wrong` after the first comparison, before which a process is not ready."""
        if not self._tried.is_set():
            try:
                self.check(Deadline(_VERDICT_SECONDS))
            except (HubSpotError, StoreError) as failure:
                log.debug("the accounts were not compared: %s", failure)
        return self.wrong

    def may_work(self) -> bool:
        """Return True if this process may claim work that others could do as well: after the first :meth:`check`.

        A check that failed is no obstacle: the work will meet the same failure.
        """
        return self._tried.is_set() and self.wrong is None

    def check(self, deadline: Deadline) -> None:
        """Compare the accounts; a database without an account is assigned the token's.

        HubSpot is asked until it has answered once, MongoDB each time.

        Raises:
            WrongAccount: they differ.
            HubSpotError: HubSpot failed; StoreError: MongoDB did.
        """
        try:
            outcome = self._flights.run(["check"], lambda _led: {"check": self._compare(deadline)}, deadline)["check"]
        finally:
            self._tried.set()
        if isinstance(outcome, FlightTimeoutError):
            raise TimedOut("the token's account was not known in time", endpoint="account_details")
        if isinstance(outcome, Exception):
            raise outcome

    def admit(self, deadline: Deadline) -> None:
        """Make sure that HubSpot may be asked for data; free of cost once that is known.

        Without MongoDB it may, because the answer is then not stored; see :meth:`admit_write`.

        Raises:
            WrongAccount: the accounts differ.
            HubSpotError: HubSpot failed.
        """
        try:
            self.admit_write(deadline)
        except StoreError as error:
            log.debug("the account of MongoDB's data is not known: %s", error)

    def admit_write(self, deadline: Deadline) -> None:
        """Make sure that HubSpot's answers may be stored; free of cost once that is known.

        Raises:
            WrongAccount: the accounts differ.
            HubSpotError: HubSpot failed; StoreError: MongoDB did.
        """
        if self.wrong is not None:
            raise self.wrong
        if not self.is_withheld and (self.own is None or self.own != self.bound):
            self.check(deadline)

    def _compare(self, deadline: Deadline) -> WrongAccount | None:
        self.bound = self._identity.portal_id() if self.own is None else self.bound
        if self.own is None:
            self.own = self._asked(deadline)
        if self.own is None:
            return None
        self.bound = self._identity.bind(self.own)
        self.wrong = None if self.own == self.bound else WrongAccount(self.own, self.bound, self._database)
        if self.wrong is None and self._currencies is not None:
            self._identity.note_currencies(self._currencies)
        return self.wrong

    def _asked(self, deadline: Deadline) -> int | None:
        try:
            own, self._currencies = self._ask(deadline)
        except _WITHHELD as refusal:
            if not self.is_withheld:
                log.warning(
                    "HubSpot does not tell the token's account, so that of any account is accepted: %s", refusal
                )
            self.is_withheld = True
            return None
        self.is_withheld = False
        return own
