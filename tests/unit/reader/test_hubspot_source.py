"""Loading from HubSpot: how long it may take, and a deal that does not exist."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC

import pytest

from dealcache.hubspot import NotFound
from dealcache.model.deadline import Deadline
from dealcache.model.deals import DealKey
from dealcache.reader import EntryMaker, HubSpotSource
from dealcache.tiers import View
from tests.clocks import ManualClock
from tests.unit.reader.stands import POLICY, named


class NobodyKnows:
    """Stands in for DealLoader and DealStore: there is no deal."""

    def __init__(self) -> None:
        self.deadlines: list[Deadline] = []

    def load(
        self, keys: Sequence[DealKey], deadline: Deadline, *, known_ids: object, fresh_labels: bool
    ) -> dict[DealKey, NotFound]:
        self.deadlines.append(deadline)
        return {key: NotFound("no such deal") for key in keys}


@pytest.fixture
def loader() -> NobodyKnows:
    return NobodyKnows()


@pytest.fixture
def source(loader: NobodyKnows) -> HubSpotSource:
    clock = ManualClock()
    maker = EntryMaker(POLICY, UTC, lambda: 0.0)
    return HubSpotSource(loader, loader, maker, 15.0, clock)  # type: ignore[arg-type]


def test_a_load_ends_with_its_caller(source: HubSpotSource, loader: NobodyKnows) -> None:
    deadline = Deadline(3.0)
    source.load([named()], {}, deadline)
    assert loader.deadlines == [deadline]


def test_what_another_process_found_unknown_looks_as_if_this_one_had_found_it(source: HubSpotSource) -> None:
    assert source.unknown(named()) == source.load([named()], {}, Deadline(3.0)).views[named()]
    assert {source.unknown(named())[view].status for view in View} == {404}
