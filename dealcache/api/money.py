"""Amounts of money as English text.

A table of our own: only symbols and decimal places are needed, of which a library for all languages brings megabytes.
"""

from __future__ import annotations

from math import isfinite

#: The symbols that an English reader takes for one currency only; others are known by their codes.
_SYMBOLS = {
    "AUD": "A$",
    "BRL": "R$",
    "CAD": "CA$",
    "CNY": "CN¥",
    "EUR": "€",
    "GBP": "£",
    "HKD": "HK$",
    "ILS": "₪",
    "INR": "₹",
    "JPY": "¥",
    "KRW": "₩",
    "MXN": "MX$",
    "NZD": "NZ$",
    "PHP": "₱",
    "TWD": "NT$",
    "USD": "$",
    "VND": "₫",
}

#: Decimal places (ISO 4217) where there are not two.
_PLACES = dict.fromkeys(
    (
        *("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV"),
        *("XAF", "XOF", "XPF"),
    ),
    0,
) | dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3)


def money(amount: float | None, currency: str | None = None) -> str:
    """Return an amount like ``$1,500.00``, or ``Not specified``.

    Args:
        amount: the amount; None, or not a finite number, if there is none.
        currency: its code; the amount of a deal without one has a dollar sign.
    """
    if amount is None or not isfinite(amount):
        return "Not specified"
    code = currency or "USD"
    symbol = _SYMBOLS.get(code, f"{code} ")
    places = _PLACES.get(code, 2)
    return f"-{symbol}{-amount:,.{places}f}" if amount < 0 else f"{symbol}{amount:,.{places}f}"
