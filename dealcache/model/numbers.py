"""Numbers in HubSpot's texts."""

from __future__ import annotations

import math


def number_of(text: str) -> float | None:
    """Return ``text`` as a finite number, None if it is not one; zero has no sign."""
    try:
        number = float(text)
    except ValueError:
        return None
    # Python reads "1_000", HubSpot never writes it.
    return number + 0.0 if math.isfinite(number) and "_" not in text else None  # -0.0 + 0.0 is 0.0
