"""Rows of the list of deals."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from dealcache.model.labels import Labels
from dealcache.model.unreadable import UnreadableRecords
from dealcache.reader.deal_rows import COLUMNS, RowMaker
from dealcache.repositories import FoundDeal

NOW = datetime(2026, 11, 23, 12)


def row(**values: Any) -> dict[str, Any]:
    document = {"deal_id": "1", "deal_name": "Acme", "hubspot_updated_at": NOW, "amount": 10.0} | values
    found = FoundDeal(document, document, "amount", "number", 0)
    return RowMaker(Labels(), None, UTC, NOW.replace(tzinfo=UTC), UnreadableRecords()).row(found)


def test_a_deal_without_a_currency_has_the_columns_alone() -> None:
    shown = row()
    assert tuple(shown) == COLUMNS
    assert shown["currency"] is None


@pytest.mark.parametrize(("at_home", "shown"), [(11.0, 11.0), (None, None), (float("nan"), None)])
def test_a_deal_with_a_currency_has_its_amount_at_home_too(at_home: float | None, shown: float | None) -> None:
    made = row(currency="EUR", amount_in_home_currency=at_home)
    assert tuple(made) == (*COLUMNS, "amount_in_home_currency")
    assert (made["amount"], made["currency"], made["amount_in_home_currency"]) == (10.0, "EUR", shown)
