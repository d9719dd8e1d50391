"""Codes of currencies (ISO 4217), as far as their form goes: which of them exist changes every few years."""

from __future__ import annotations

import re
from typing import NamedTuple

_CODE = re.compile("[A-Z]{3}")


class CompanyCurrencies(NamedTuple):
    """The currency of an account's company, and True if the account has others besides."""

    home: str
    has_others: bool = False


def currency_code(value: object) -> str | None:
    """Return ``value`` if it is three capital letters; None for anything else."""
    return value if isinstance(value, str) and _CODE.fullmatch(value) else None
