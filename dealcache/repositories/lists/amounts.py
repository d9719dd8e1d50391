"""Sums of amounts, among which other systems may have put values other than finite numbers. Pure."""

from __future__ import annotations

from math import copysign, isinf
from typing import Any

from dealcache.repositories.documents import Document
from dealcache.repositories.json_values import number_value

#: The largest number that readers of JSON accept.
LARGEST = 1.7976931348623157e308

#: The amount of a deal as MongoDB adds it up; 0 for anything but a finite number.
FINITE_AMOUNT: Document = {
    "$cond": [{"$and": [{"$gte": ["$amount", -LARGEST]}, {"$lte": ["$amount", LARGEST]}]}, "$amount", 0]
}


def is_sum(value: Any) -> bool:
    """Return True if MongoDB's sum is a number; otherwise some amount is not one, or together they are too large."""
    return number_value(value) is not None


def sum_value(value: Any) -> float:
    """Return a sum of finite amounts as a number, the largest possible one if it is beyond that."""
    if isinstance(value, float) and isinf(value):
        return copysign(LARGEST, value)
    return number_value(value) or 0.0
