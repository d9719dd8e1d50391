"""Sums of activities are those of the timelines, whatever is written and whoever is killed, against a real MongoDB."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from bson import DatetimeMS

from dealcache.model.timestamps import in_zone
from dealcache.repositories import ActivityCheck, ActivityGenerations, ActivitySums, SumsMissingError
from dealcache.repositories.activity_sums.counts import OTHER_TYPE
from dealcache.repositories.documents import SUMMED
from tests.integration.repositories.summaries import KilledError, Worker, killed_before, writes
from tests.integration.repositories.test_summary_crashes import A_CHANGE, prepare
from tests.unit.repositories.samples import a_deal, a_load, an_event, at

BERLIN = ZoneInfo("Europe/Berlin")

#: The changes in which writers are killed each time, and not only in `make test-long`.
QUICK = ("events that come, go and move", "an archived deal", "a merge", "a type that is no longer missing")

#: Numbers by stage, owner, type and day.
Numbers = Counter[tuple[Any, ...]]


class Adder:
    """A process that reads and makes sums, and knows by the timelines what they must be."""

    def __init__(self, uri: str, name: str, zone: ZoneInfo = BERLIN) -> None:
        self.worker = Worker(uri, name)
        connection = self.worker.storage.connection
        self.zone = zone
        self.sums = ActivitySums(connection, zone)
        self.generations = ActivityGenerations(connection, zone)
        self.check = ActivityCheck(connection, zone)

    def summed(self) -> Numbers:
        """Return the sums as a reader sees them."""
        self.worker.storage.prepare_lists()
        try:
            version = self.sums.prepare()
        except SumsMissingError:
            assert self.generations.make()
            version = self.sums.prepare()
        stages, owners = self.sums.stages(version), self.sums.owners(version)
        numbers: Numbers = Counter()
        for stage in stages:
            for one in self.sums.series(version, [stage], None, (None, None), by_owner=True):
                numbers |= {(stage, one.owner, one.type, day): n for day, n in zip(one.days, one.counts, strict=True)}
        for chosen_stages, chosen_owners in ((None, None), (stages, None), (None, owners), (stages, owners)):
            merged: Numbers = Counter()
            for one in self.sums.series(version, chosen_stages, chosen_owners, (None, None), by_owner=False):
                for day, number in zip(one.days, one.counts, strict=True):
                    merged[one.type, day] += number
            assert merged == _without(numbers, 2), "all levels of the sums agree"
        return numbers

    def true(self) -> Numbers:
        """Return what the timelines of all deals that are shown add up to."""
        numbers: Numbers = Counter()
        storage = self.worker.storage
        for document in self.worker.database.deal_info.find():
            for stored in storage.deals.stored([document["deal_id"]]).values():
                if stored.deal.archived or stored.timeline_synced_at is None:
                    continue
                stage = f'["{stored.deal.pipeline_id}",' + (
                    f'"{stored.deal.stage_id}"]' if stored.deal.stage_id else "null]"
                )
                for event in storage.timelines.events(stored.deal.deal_id):
                    day = in_zone(event.occurred_at, self.zone).toordinal()
                    numbers[stage, event.owner_id or "", event.type, day] += 1
        return numbers


def _without(numbers: Numbers, parts: int) -> Numbers:
    merged: Numbers = Counter()
    for key, number in numbers.items():
        merged[key[parts:]] += number
    return merged


MakeAdder = Callable[..., Adder]


@pytest.fixture
def make_adder(mongodb_uri: str, database_name: str) -> Iterator[MakeAdder]:
    made: list[Adder] = []

    def make(zone: ZoneInfo = BERLIN) -> Adder:
        made.append(Adder(mongodb_uri, database_name, zone))
        return made[-1]

    yield make
    for one in made:
        one.worker.close()


@pytest.fixture
def adder(make_adder: MakeAdder) -> Adder:
    return make_adder()


def filled(adder: Adder, deals: int = 3) -> Adder:
    for deal_id in range(deals):
        adder.worker.storage.store.save(a_load(1, 2, deal=a_deal(str(deal_id))))
    return adder


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.long)])
def test_whatever_two_workers_write_sums_are_true(seed: int, make_adder: MakeAdder) -> None:
    adders, random = (make_adder(), make_adder()), Random(seed)
    assert adders[0].summed() == {}
    for minute in range(1, 60):
        writes(random.choice(adders).worker, random, minute)
        reader = random.choice(adders)
        if random.random() < 0.6:
            assert reader.summed() == reader.true()
    assert adders[0].summed() == adders[0].true() != {}


@pytest.mark.parametrize(
    "name", [one if one in QUICK else pytest.param(one, marks=pytest.mark.long) for one in A_CHANGE]
)
def test_sums_are_true_after_a_kill_of_a_writer(
    name: str, make_adder: MakeAdder, monkeypatch: pytest.MonkeyPatch
) -> None:
    dying, reader = make_adder(), make_adder()
    for number in count(1):
        prepare(dying.worker)
        sum(reader.check.batches())  # for it deletes deals as no service does
        assert reader.summed() == reader.true() != {}
        with killed_before(number, monkeypatch) as has_died:
            try:
                A_CHANGE[name](dying.worker)
            except KilledError:
                assert has_died()
            died = has_died()
        assert reader.summed() == reader.true()
        reader.worker.let_time_pass()
        reader.worker.storage.summaries.settle_abandoned()
        assert reader.summed() == reader.true()
        if not died:
            break
    assert number > 2


def changes(adder: Adder, minute: int) -> None:
    """Change the stage of one deal, the activities of another, and archive a third."""
    storage = adder.worker.storage
    storage.deals.store([a_deal("0", stage_id=f"stage {minute}", hubspot_updated_at=at(minute))], at(minute))
    event = an_event(2, occurred_at=at(5000 * minute), owner_id="910902", hubspot_updated_at=at(minute))
    storage.store.save(a_load(deal=a_deal("1"), events=(event, an_event(3)), began=at(minute)))
    storage.deals.mark_archived(["2"], at(minute))
    storage.store.save(a_load(1, 4, deal=a_deal("2", hubspot_updated_at=at(minute + 1)), began=at(minute + 1)))


def test_sums_are_true_after_a_kill_of_a_reader(make_adder: MakeAdder, monkeypatch: pytest.MonkeyPatch) -> None:
    dying, reader = filled(make_adder()), make_adder()
    reader.summed()
    for number in count(1):
        changes(reader, 10 * number)
        with killed_before(number, monkeypatch) as has_died:
            try:
                dying.summed()
            except KilledError:
                assert has_died()
            died = has_died()
        assert reader.summed() == reader.true()
        if not died:
            break
    assert number > 5


def test_a_change_that_was_noted_is_carried_out_once_by_whoever_comes(
    make_adder: MakeAdder, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, reader = filled(make_adder()), make_adder()
    reader.summed()
    changes(reader, 10)
    carry_out = slow.sums.carry_out

    def late(head: Any) -> Any:
        """Stand still until the others have carried out the change, and a later one."""
        if head.pending is not None:
            assert reader.summed() == reader.true()
            changes(reader, 20)
            assert reader.summed() == reader.true()
        return carry_out(head)

    monkeypatch.setattr(slow.sums, "carry_out", late)
    assert slow.summed() == slow.true()
    assert reader.summed() == reader.true()


def test_who_is_killed_while_making_sums_leaves_that_to_others(
    make_adder: MakeAdder, monkeypatch: pytest.MonkeyPatch
) -> None:
    dying, reader = filled(make_adder()), make_adder()
    for number in count(1):
        reader.worker.database.activity_sums.delete_many({"_id": {"$in": ["head", "lease"]}})
        with killed_before(number, monkeypatch) as has_died:
            try:
                dying.generations.make()
            except KilledError:
                assert has_died()
            died = has_died()
        lease = reader.worker.database.activity_sums.find_one({"_id": "lease"})
        if lease is not None:
            assert not reader.generations.make(), "the other process may be alive"
            earlier = {"alive_at": lease["alive_at"] - timedelta(seconds=16)}
            reader.worker.database.activity_sums.update_one({"_id": "lease"}, {"$set": earlier})
        assert reader.summed() == reader.true() != {}
        if not died:
            break
    assert number > 5
    parts = reader.worker.database.activity_parts.count_documents({})
    assert parts == 3, "what others have left was removed"


@pytest.mark.long
def test_threads_of_two_workers_at_once_leave_nothing_wrong(make_adder: MakeAdder) -> None:
    adders = (make_adder(), make_adder())
    start, failures = threading.Barrier(6), list[BaseException]()

    def work(adder: Adder, seed: int) -> None:
        random = Random(seed)
        try:
            start.wait(60)
            for minute in range(1, 25):
                writes(adder.worker, random, minute)
                if random.random() < 0.5:
                    adder.worker.storage.prepare_lists()
                    adder.sums.prepare()
        except SumsMissingError:
            pass
        except BaseException as failure:
            failures.append(failure)
            raise

    adders[0].summed()
    threads = [threading.Thread(target=work, args=(adders[one % 2], one)) for one in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    for adder in adders:
        adder.worker.storage.summaries.settle_own()
        assert adder.summed() == adder.true()


def test_an_activity_of_another_owner_is_added_up_again(adder: Adder) -> None:
    before = filled(adder).summed()
    other = an_event(2, owner_id="910902", hubspot_updated_at=at(90))
    adder.worker.storage.timelines.write([("1", other)], at(100))
    assert adder.summed() == adder.true() != before


def test_deals_that_change_while_sums_are_made_are_added_up_afterwards(
    make_adder: MakeAdder, monkeypatch: pytest.MonkeyPatch
) -> None:
    maker, writer = filled(make_adder()), make_adder()
    add = maker.generations._add

    def beside(*arguments: Any) -> int:
        changes(writer, 10)
        done = add(*arguments)
        changes(writer, 20)
        return done

    monkeypatch.setattr(maker.generations, "_add", beside)
    assert maker.generations.make()
    assert writer.summed() == writer.true()


@pytest.mark.parametrize(
    "damage",
    [
        {"occurred_at": "2026-11-01T12:00:05Z"},
        {"occurred_at": DatetimeMS(10**15)},
        {"occurred_at": DatetimeMS(-(10**15))},
        {"occurred_at": None},
        {"type": None},
        {"type": 7},
        {"type": "Fax $1.50"},
        {"owner_id": 7},
        {"owner_id": "*"},
        {"owner_id": ""},
        {"subject": 5, "type": ""},
    ],
)
def test_events_of_other_systems_are_counted_as_they_are_shown(adder: Adder, damage: dict[str, Any]) -> None:
    filled(adder)
    adder.worker.database.deal_timeline.update_one({"deal_id": "1", "engagement_id": "000000002"}, {"$set": damage})
    assert adder.summed() == adder.true()
    assert sum(adder.summed().values()) == 6


@pytest.mark.parametrize("damage", [{"stage_id": 5}, {"pipeline_id": None}, {"archived": "true"}, {"archived": 1}])
def test_deals_of_other_systems_are_counted_as_they_are_shown(adder: Adder, damage: dict[str, Any]) -> None:
    filled(adder)
    adder.worker.database.deal_info.update_one({"deal_id": "1"}, {"$set": damage})
    adder.worker.database.deal_info.insert_one({"_id": "of another system", "deal_id": 5})
    assert sum(adder.summed().values()) == sum(adder.true().values())


def test_rare_types_are_counted_together(adder: Adder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dealcache.repositories.activity_sums.counts._MOST_TYPES", 2)
    filled(adder, 4)
    for deal_id in range(1, 4):
        adder.summed()
        adder.worker.storage.timelines.write([(str(deal_id), an_event(9, type=f"Type {deal_id}"))], at(100))
        adder.worker.storage.summaries.settle_own()
    types = _without(Counter({key[:3]: number for key, number in adder.summed().items()}), 2)
    assert types.keys() == {("Outgoing Email",), ("Type 1",), ("Type 2",), (OTHER_TYPE,)}


def test_what_an_earlier_version_has_written_is_found_by_the_check(make_adder: MakeAdder) -> None:
    present, earlier = filled(make_adder(), 5), make_adder().worker.database
    present.summed()
    assert sum(present.check.batches()) == 0
    earlier.deal_timeline.delete_one({"deal_id": "1"})
    earlier.deal_info.update_one({"deal_id": "2"}, {"$set": {"stage_id": "closedwon"}})
    earlier.deal_info.delete_one({"deal_id": "4"})
    earlier.deal_timeline.delete_many({"deal_id": "4"})
    assert present.summed() != present.true()
    assert sum(present.check.batches()) == 3
    assert present.summed() == present.true()
    assert sum(present.check.batches()) == 0


def test_a_check_is_made_every_quarter_of_an_hour_by_one_process(make_adder: MakeAdder) -> None:
    one, other = filled(make_adder()), make_adder()
    one.summed()
    head = {"_id": "head"}
    checked_at = one.worker.database.activity_sums.find_one(head)["checked_at"]
    one.worker.database.deal_timeline.delete_one({"deal_id": "1"})
    one.check.run_round()
    assert one.summed() != one.true()
    earlier = {"$set": {"checked_at": checked_at - timedelta(minutes=16)}}
    one.worker.database.activity_sums.update_one(head, earlier)
    assert not other.check.run_round()
    assert one.summed() == one.true()
    assert one.worker.database.activity_sums.find_one(head)["checked_at"] >= checked_at


def test_sums_in_a_copy_of_a_database_are_made_anew(adder: Adder) -> None:
    filled(adder).summed()
    sums = adder.worker.database.activity_sums
    head = sums.find_one({"_id": "head"})
    # As a dump has them that was made while they were being changed.
    sums.delete_one({"of": head["of"], "stage": "*", "owner": "*"})
    changes = {"installation": "another one", "checked_at": head["checked_at"] - timedelta(minutes=16)}
    sums.update_one({"_id": "head"}, {"$set": changes})
    assert not adder.check.run_round()
    assert adder.summed() == adder.true() != {}


def test_another_zone_has_other_sums(make_adder: MakeAdder) -> None:
    berlin, auckland = filled(make_adder()), make_adder(ZoneInfo("Pacific/Auckland"))
    before = berlin.summed()
    assert auckland.summed() == auckland.true() != before
    assert berlin.summed() == before


def test_when_too_many_deals_have_changed_sums_are_made_anew(adder: Adder, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("activity_sums.sums", "activity_sums.generations"):
        monkeypatch.setattr(f"dealcache.repositories.{name}.MOST_UNSUMMED", 2)
    filled(adder)
    first = adder.summed()
    adder.worker.database.deal_info.update_many({}, {"$set": {"stage_id": "closedwon"}, "$unset": {SUMMED: ""}})
    with pytest.raises(SumsMissingError):
        adder.sums.prepare()
    assert adder.summed() == adder.true() != first


def test_sums_that_nobody_asks_for_are_given_up(adder: Adder) -> None:
    filled(adder).summed()
    database = adder.worker.database
    assert not adder.generations.give_up()
    asked_at = database.activity_sums.find_one({"_id": "head"})["asked_at"]
    database.activity_sums.update_one({"_id": "head"}, {"$set": {"asked_at": asked_at - timedelta(hours=25)}})
    assert adder.generations.give_up()
    assert database.activity_sums.count_documents({}) == database.activity_parts.count_documents({}) == 0
    assert SUMMED not in database.deal_info.index_information()
    assert adder.generations.give_up()
    assert adder.summed() == adder.true() != {}


def test_until_somebody_asks_there_is_nothing_of_sums(adder: Adder) -> None:
    filled(adder)
    changes(adder, 10)
    database = adder.worker.database
    assert database.activity_sums.count_documents({}) == database.activity_parts.count_documents({}) == 0
    assert database.deal_info.count_documents({SUMMED: {"$exists": True}}) == 0
    assert SUMMED not in database.deal_info.index_information()
