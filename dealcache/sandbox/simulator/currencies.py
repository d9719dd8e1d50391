"""The currencies of a simulated account, and what an amount in one of them is worth at home."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from types import MappingProxyType

#: The properties of a deal with the code of its currency, and with its amount in the company's currency.
CURRENCY_CODE, IN_HOME_CURRENCY = "deal_currency_code", "amount_in_home_currency"

_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Currencies:
    """The company's currency, and the rates of the others that the account has."""

    company: str = "USD"
    rates: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def at_home(self, amount: str | None, code: str) -> str | None:
        """The amount in the company's currency; null without an amount, and where the account has no rate."""
        rate = "1" if code == self.company else self.rates.get(code)
        if not amount or rate is None:
            return None
        try:
            return str((Decimal(amount) * Decimal(rate)).quantize(_CENT))
        except InvalidOperation:
            return None
