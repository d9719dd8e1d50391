"""The currencies of demo deals, in an account that has several."""

from __future__ import annotations

from random import Random

from dealcache.sandbox.simulator.currencies import Currencies

#: The demo company's currency, and its rates for the others. It has none for Swiss francs.
DEMO_CURRENCIES = Currencies("USD", {"EUR": "1.1", "JPY": "0.0067"})

_CODES, _WEIGHTS = ("USD", "EUR", "JPY"), (70, 20, 10)

#: Deals that are out of the ordinary: without a code, in a currency without a rate, and with a code that is none.
ODD_CODES = {"Initech pilot": None, "Umbrella onboarding": "CHF", "ACME RENEWAL": "Euro!"}


class DemoCurrencies:
    """Gives demo deals the codes of their currencies.

    Args:
        seed: decides which.
    """

    def __init__(self, seed: int) -> None:
        # Apart, so that nothing else of a deal depends on whether it has a currency.
        self._random = Random(seed + 3)

    def code(self, deal_name: str) -> str | None:
        """The code of the next deal's currency, None if it has none."""
        code = self._random.choices(_CODES, _WEIGHTS)[0]
        return ODD_CODES.get(deal_name, code)
