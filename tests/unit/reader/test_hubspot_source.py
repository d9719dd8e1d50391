"""Loading from HubSpot: how long it may take, and a deal that does not exist."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from dealcache.hubspot.errors import NotFound
from dealcache.model.deadline import Deadline
from dealcache.model.deals import DealKey, LoadedDeal
from dealcache.model.people import DealPeople, Participants, Person
from dealcache.reader.hubspot import HubSpotSource
from dealcache.tiers import View
from tests.clocks import ManualClock
from tests.unit.reader.stands import POLICY, deal_of, maker_of, named


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
    maker = maker_of()
    return HubSpotSource(loader, loader, maker, clock)  # type: ignore[arg-type]


def test_a_load_ends_with_its_caller(source: HubSpotSource, loader: NobodyKnows) -> None:
    deadline = Deadline(3.0)
    source.load([named()], {}, deadline)
    assert loader.deadlines == [deadline]


def test_what_another_process_found_unknown_looks_as_if_this_one_had_found_it(source: HubSpotSource) -> None:
    assert source.unknown(named()) == source.load([named()], {}, Deadline(3.0)).views[named()]
    assert {source.unknown(named())[view].status for view in View} == {404}


@pytest.mark.parametrize(
    ("participants", "names", "time_to_live"),
    [
        (("contact:1",), {"contact:1": Person("contact:1", "Jane Doe")}, POLICY.ttl),
        (("contact:1",), {"contact:1": None}, POLICY.ttl),
        (("contact:1",), {}, POLICY.negative_ttl),
        ((), {}, POLICY.ttl),
        (None, {}, POLICY.negative_ttl),
    ],
    ids=["named", "deleted", "of unknown name", "nobody", "not known"],
)
def test_a_timeline_that_lacks_people_who_could_not_be_read_lives_shortly(
    participants: Participants, names: dict[str, Person | None], time_to_live: float
) -> None:
    at = datetime(2026, 11, 23, tzinfo=UTC)
    loaded = LoadedDeal(deal_of(named()), (), (), at, people=DealPeople(participants, names))
    entries = maker_of().all_views(loaded)
    assert entries[View.TIMELINE].expires_at == at.timestamp() + time_to_live
    assert entries[View.INFO].expires_at == at.timestamp() + POLICY.ttl
