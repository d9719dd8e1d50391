"""Numbers in HubSpot's texts."""

from __future__ import annotations

import math


def number_of(text: str) -> float | None:
    """Return ``text`` as a finite number, None if it is not one."""
    try:
        number = float(text)
    except ValueError:
        return None
    # Python reads "1_000", HubSpot never writes it.
    return number if math.isfinite(number) and "_" not in text else None
