"""Leases for loads, against a real MongoDB."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dealcache.repositories import Connection, LoadEnd, LoadLeaseRepository, StoreError
from tests.clocks import ManualClock
from tests.integration.repositories.races import race
from tests.lease_contract import ADA, BOB, KEY, TERM, LeaseContract, acquire_one, look_at, release_one


class TestLoadLeases(LeaseContract):
    @pytest.fixture
    def leases(self, connection: Connection, clock: ManualClock) -> LoadLeaseRepository:
        return LoadLeaseRepository(connection, lambda: datetime.fromtimestamp(clock(), UTC))


@pytest.fixture
def leases(connection: Connection) -> LoadLeaseRepository:
    """By MongoDB's own clock, as in production."""
    return LoadLeaseRepository(connection)


@pytest.mark.parametrize("before", ["nothing", "ended", "dead"])
def test_of_many_at_once_one_has_it(leases: LoadLeaseRepository, before: str) -> None:
    if before != "nothing":
        old = acquire_one(leases, KEY, ADA, TERM if before == "ended" else timedelta(milliseconds=-1))
        if before == "ended":
            release_one(leases, old, LoadEnd.LOADED)
    seen = race(lambda number: acquire_one(leases, KEY, f"worker {number}", TERM), 32)
    assert [one.mine for one in seen].count(True) == 1
    assert len({one.nonce for one in seen}) == 1


def test_of_many_batches_at_once_each_lease_is_ones_alone(leases: LoadLeaseRepository) -> None:
    keys = [f"name:{number}" for number in range(30)]
    seen = race(lambda number: leases.acquire(dict.fromkeys(keys, 0), f"worker {number}", TERM), 16)
    for key in keys:
        assert [one[key].mine for one in seen].count(True) == 1
        assert len({one[key].nonce for one in seen}) == 1


def test_mongodbs_clock_decides(leases: LoadLeaseRepository) -> None:
    lease = acquire_one(leases, KEY, ADA, timedelta(hours=1))
    assert not acquire_one(leases, KEY, BOB, TERM).mine
    leases.renew({lease.nonce: KEY}, timedelta(0))
    assert acquire_one(leases, KEY, BOB, TERM, pause=timedelta(hours=1)).mine
    leases.note_loaded("id:1", ADA)
    assert not acquire_one(leases, "id:1", BOB, TERM, pause=timedelta(hours=1)).mine
    assert acquire_one(leases, "id:1", BOB, TERM).mine


def test_nothing_stays(leases: LoadLeaseRepository, connection: Connection) -> None:
    """Every kind of document has the field by which MongoDB removes it."""
    acquire_one(leases, "held", ADA, TERM)
    release_one(leases, acquire_one(leases, "ended", ADA, TERM), LoadEnd.LOADED)
    leases.note_loaded("noted", ADA)
    with connection.operation() as database:
        dated = {one["_id"] for one in database.load_leases.find({"held_until": {"$type": "date"}})}
        expiry = database.load_leases.index_information()["expiry"]
    assert dated == {"held", "ended", "noted"}
    assert (expiry["key"], expiry["expireAfterSeconds"]) == ([("held_until", 1)], 60)


def test_an_end_that_only_another_release_knows_is_an_end(leases: LoadLeaseRepository, connection: Connection) -> None:
    acquire_one(leases, KEY, ADA, TERM)
    with connection.operation() as database:
        database.load_leases.update_one({"_id": KEY}, {"$set": {"end": "postponed"}})
    seen = look_at(leases, KEY)
    assert seen is not None
    assert (seen.held, seen.end) == (False, LoadEnd.ABANDONED)


def test_a_document_that_others_wrote_is_an_error_of_the_store(
    leases: LoadLeaseRepository, connection: Connection
) -> None:
    with connection.operation() as database:
        database.load_leases.insert_one({"_id": KEY, "end": None})
    with pytest.raises(StoreError, match="load_leases"):
        look_at(leases, KEY)
