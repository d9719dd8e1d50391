"""The effect of changed deals on the totals of stages. Pure."""

from __future__ import annotations

from typing import Any

import pytest
from bson import Decimal128

from dealcache.repositories.stage_moves import StageMoves, StageTotal, kept, read_kept


def deal(pipeline_id: Any = "p", stage_id: Any = "won", amount: Any = 10.1, archived: Any = False) -> dict[str, Any]:
    return {"pipeline_id": pipeline_id, "stage_id": stage_id, "amount": amount, "archived": archived}


def moved(moves: StageMoves) -> dict[str, tuple[int, str]]:
    """Return what is added to each stage, by its key."""
    _, changes = moves.applied_to("$stages")["$mergeObjects"]
    return {
        key: (sums["count"]["$add"][1], str(sums["amount"]["$add"][1].to_decimal())) for key, sums in changes.items()
    }


def key(pipeline_id: str | None, stage_id: str | None) -> str:
    return next(iter(kept([StageTotal(pipeline_id, stage_id, 1, 0.0)])))


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
    assert read_kept({key("p", "gone"): {"count": 0, "amount": Decimal128("0")}}) == []
