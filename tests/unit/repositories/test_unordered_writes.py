"""The meaning of a failed bulk write; the behaviour of the update is tested against a real MongoDB."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo.errors import BulkWriteError

from dealcache.repositories.writes.unordered import lost_races


def failed(*codes: int, **details: Any) -> BulkWriteError:
    errors = [{"index": 10 * position, "code": code} for position, code in enumerate(codes)]
    return BulkWriteError({"writeErrors": errors, **details})


def test_duplicate_keys_are_races_that_were_lost() -> None:
    assert lost_races(failed(11000, 11000)) == [0, 10]


@pytest.mark.parametrize("error", [failed(11000, 121), failed(11000, writeConcernErrors=[{"code": 64}])])
def test_anything_else_is_raised(error: BulkWriteError) -> None:
    with pytest.raises(BulkWriteError):
        lost_races(error)
