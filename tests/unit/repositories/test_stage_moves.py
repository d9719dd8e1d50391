"""The effect of changed deals on the totals of stages. Pure."""

from __future__ import annotations

from typing import Any

import pytest
from bson import Decimal128

from dealcache.repositories.lists.stage_moves import KeptStages, StageMoves, StageTotal, kept, read_kept


def deal(pipeline_id: Any = "p", stage_id: Any = "won", amount: Any = 10.1, archived: Any = False) -> dict[str, Any]:
    return {"pipeline_id": pipeline_id, "stage_id": stage_id, "amount": amount, "archived": archived}


def moved(moves: StageMoves) -> dict[str, tuple[int, str]]:
    """Return what is added to each stage, by its key."""
    _, changes = moves.applied_to("$stages")["$mergeObjects"]
    return {
        key: (sums["count"]["$add"][1], str(sums["amount"]["$add"][1].to_decimal())) for key, sums in changes.items()
    }


def key(pipeline_id: str | None, stage_id: str | None) -> str:
    return next(iter(kept([StageTotal(pipeline_id, stage_id, 1, 0.0)]).stages))


def test_what_comes_and_goes_is_added_up_as_decimal_numbers() -> None:
    moves = StageMoves()
    for _ in range(3):
        moves.come(deal(amount=0.1))
    moves.leave(deal(amount=None))
    moves.change(deal(), deal(stage_id="lost", amount=7))
    moves.change(deal(), deal() | {"deal_name": "another"})
    moves.change(deal(None, "", 1.5), deal(None, None, 1.5, archived=True))
    assert moves.are_known
    assert moved(moves) == {
        key("p", "won"): (1, "-9.8"),
        key("p", "lost"): (1, "7"),
        key(None, None): (-1, "-1.5"),
    }


def test_archived_deals_count_nowhere() -> None:
    moves = StageMoves()
    moves.come(deal(amount="odd", archived=True))
    moves.leave({"archived": True})
    assert moves.are_known
    assert moved(moves) == {}


@pytest.mark.parametrize("odd", [{"amount": float("nan")}, {"amount": "7"}, {"amount": True}, {"stage_id": ["won"]}])
def test_of_another_systems_values_nothing_is_known(odd: dict[str, Any]) -> None:
    moves = StageMoves()
    moves.change(deal(**odd), deal())
    assert not moves.are_known


def test_totals_come_back_as_they_were_kept() -> None:
    totals = [StageTotal("p.$", "won", 2, 20.25), StageTotal(None, "ä", 1, 1e300), StageTotal("p", None, 1, -0.5)]
    assert read_kept(kept(totals)) == totals
    assert read_kept(kept([*totals[:1], *totals[:1]])) == [StageTotal("p.$", "won", 4, 40.5)]
    assert read_kept(KeptStages({key("p", "gone"): {"count": 0, "amount": Decimal128("0")}}, {})) == []


def test_currencies_are_kept_beside_the_totals_that_earlier_versions_know() -> None:
    totals = [
        StageTotal("p", "won", 2, 20.1, currency="EUR"),
        StageTotal("p", "won", 1, 0.2, currency="USD"),
        StageTotal("p", "won", 1, 1.0),
        StageTotal("p", "lost", 3, 7.0, currency="EUR"),
    ]
    found = kept(totals)
    assert sorted(read_kept(found), key=repr) == sorted(totals, key=repr)
    assert found.stages == kept([StageTotal("p", "won", 4, 21.3), StageTotal("p", "lost", 3, 7.0)]).stages


def test_a_deal_moves_in_its_currency_and_in_the_total() -> None:
    moves = StageMoves()
    moves.come(deal(amount=5.0) | {"foreign_currency": "EUR"})
    moves.change(deal(amount=5.0) | {"foreign_currency": "EUR"}, deal(amount=5.0) | {"foreign_currency": "USD"})
    moves.change(deal(amount=1.5), deal(amount=1.5) | {"foreign_currency": "USD"})
    moves.come(deal(amount=2.0) | {"foreign_currency": "no code"})
    moves.leave(deal(stage_id="lost", amount=4.0) | {"foreign_currency": "USD"})
    assert moved(moves) == {key("p", "won"): (2, "7.0"), key("p", "lost"): (-1, "-4.0")}
    _, of_currencies = moves.applied_to_currencies("$currencies")["$mergeObjects"]
    added = {
        name: (sums["count"]["$add"][1], str(sums["amount"]["$add"][1].to_decimal()))
        for name, sums in of_currencies.items()
    }
    eur, usd, gone = (
        next(iter(kept([StageTotal("p", stage, 1, 0.0, currency=code)]).currencies))
        for stage, code in (("won", "EUR"), ("won", "USD"), ("lost", "USD"))
    )
    assert added == {eur: (0, "0.0"), usd: (2, "6.5"), gone: (-1, "-4.0")}
