"""Names of people, and who takes part in deals and events, against a real MongoDB."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from dealcache.model.invalidation import TIMELINE, Changes
from dealcache.model.people import Person
from dealcache.repositories import (
    Connection,
    DealInfoRepository,
    DealTimelineRepository,
    ParticipantRepository,
    PeopleRepository,
    ensure_indexes,
)
from tests.integration.conftest import Profiled
from tests.unit.repositories.samples import NOON, a_deal, an_event, at

JANE, ACME = Person("contact:51", "Jane Doe"), Person("company:7", "Acme")


@pytest.fixture
def participants(connection: Connection) -> ParticipantRepository:
    ensure_indexes(connection, people=True)
    return ParticipantRepository(connection)


@pytest.fixture
def people(connection: Connection, participants: ParticipantRepository) -> PeopleRepository:
    return PeopleRepository(connection, participants)


@pytest.fixture
def timelines(connection: Connection) -> DealTimelineRepository:
    return DealTimelineRepository(connection, people=True)


def changed(*deal_ids: str) -> Changes:
    changes = Changes()
    for deal_id in deal_ids:
        changes.note(deal_id, (TIMELINE,))
    return changes


def documents(connection: Connection, collection: str) -> list[dict[str, Any]]:
    with connection.operation() as database:
        return database[collection].find().sort("_id").to_list()


def test_names_of_both_types_come_by_one_query(people: PeopleRepository, profiled: Profiled) -> None:
    assert people.save("contacts", [JANE, Person("contact:52", None)], NOON) == {"contact:51", "contact:52"}
    assert people.save("companies", [ACME], NOON) == {"company:7"}
    keys = ["contact:51", "contact:52", "company:7", "contact:7", "company:51", "other:1", "x"]

    operations = profiled(lambda: people.names(keys))

    assert people.names(keys) == {"contact:51": JANE, "contact:52": Person("contact:52", None), "company:7": ACME}
    assert len([one for one in operations if one["op"] in ("query", "command")]) == 1
    assert sum(one["docsExamined"] for one in operations) == 3


def test_a_renamed_person_is_a_change_and_the_same_name_is_none(people: PeopleRepository) -> None:
    people.save("contacts", [JANE], NOON)
    assert people.save("contacts", [JANE], at(1)) == set()
    assert people.save("contacts", [Person("contact:51", "Jane Roe")], at(2)) == {"contact:51"}
    # A slow older answer comes last.
    assert people.save("contacts", [JANE], at(1)) == set()
    assert people.names(["contact:51"]) == {"contact:51": Person("contact:51", "Jane Roe")}


def test_noted_people_are_asked_for_first_and_once(people: PeopleRepository) -> None:
    people.save("contacts", [JANE], NOON)
    people.note(["contact:51", "contact:9", "contact:10", "company:7"])
    people.note(["contact:9"])

    assert people.names(["contact:9"]) == {}
    assert people.unread("contacts", 10) == ["10", "9"]
    assert people.unread("companies", 10) == ["7"]
    assert people.due("contacts", at(1), 10) == ["10", "9", "51"]
    assert people.due("contacts", NOON, 1) == ["10"]
    people.save("contacts", [Person("contact:9", None)], at(1))
    assert people.unread("contacts", 10) == ["10"]


def test_who_takes_part_in_anything_is_known(people: PeopleRepository) -> None:
    people.note(["contact:51"])
    assert people.known("contacts", ["51", "99"]) == {"51"}
    assert people.known("companies", ["51"]) == set()


def test_who_is_gone_has_no_name_any_more_and_may_come_back(people: PeopleRepository, connection: Connection) -> None:
    people.save("contacts", [JANE], NOON)
    assert people.note_gone("contacts", ["51", "52"], at(1)) == {"contact:51", "contact:52"}
    assert people.note_gone("contacts", ["51"], at(2)) == set()
    assert people.names(["contact:51", "contact:52"]) == {"contact:51": None, "contact:52": None}
    assert "Jane" not in str(documents(connection, "contacts"))
    assert people.save("contacts", [JANE], at(3)) == {"contact:51"}
    assert people.names(["contact:51"]) == {"contact:51": JANE}


def test_a_merged_contact_is_shown_as_the_one_it_became(people: PeopleRepository) -> None:
    people.save("contacts", [JANE], NOON)
    merged = Person("contact:60", "Jane Doe-Roe", ("51", "52"))
    assert people.save("contacts", [merged], at(1)) == {"contact:51", "contact:60"}
    shown = Person("contact:60", "Jane Doe-Roe")
    assert people.names(["contact:51", "contact:52", "contact:60"]) == {"contact:51": shown, "contact:60": shown}


def test_an_id_is_forgotten_when_its_record_can_no_longer_be_restored(
    people: PeopleRepository,
    participants: ParticipantRepository,
    timelines: DealTimelineRepository,
    connection: Connection,
) -> None:
    timelines.replace({"1": [an_event(1)]}, NOON)
    participants.write("emails", {an_event(1).engagement_id: ("contact:51", "company:7")}, NOON)
    people.note(["contact:51"])
    people.note_gone("contacts", ["51"], NOON)
    people.note_gone("contacts", ["51"], NOON + timedelta(days=89))
    assert timelines.events("1")[0].participants == ("contact:51", "company:7")
    people.note_gone("contacts", ["51"], NOON + timedelta(days=91))
    assert timelines.events("1")[0].participants == ("company:7",)
    assert documents(connection, "contacts") == []


def test_participants_are_stored_in_every_deal_and_survive_new_versions(
    participants: ParticipantRepository, timelines: DealTimelineRepository
) -> None:
    first, second = an_event(1), an_event(2)
    timelines.replace({"1": [first, second], "2": [first]}, NOON)
    found = {first.engagement_id: ("contact:51",), second.engagement_id: (), "999": ("contact:1",)}

    assert participants.write("emails", found, NOON) == changed("1", "2")
    assert participants.write("emails", found, at(1)) == Changes()
    assert [event.participants for event in timelines.events("1")] == [("contact:51",), ()]
    newer = first._replace(content="new", hubspot_updated_at=at(60))
    timelines.replace({"1": [newer, second], "2": [newer]}, at(2))
    assert timelines.events("2") == [newer._replace(participants=("contact:51",))]
    # What was read earlier and comes later changes nothing.
    assert participants.write("emails", {first.engagement_id: ("contact:9",)}, at(-1)) == Changes()
    assert participants.write("calls", {first.engagement_id: ("contact:9",)}, at(3)) == Changes()


def test_participants_are_not_read_where_nobody_is_to_be_named(
    participants: ParticipantRepository, timelines: DealTimelineRepository, connection: Connection
) -> None:
    timelines.replace({"1": [an_event(1)]}, NOON)
    participants.write("emails", {an_event(1).engagement_id: ("contact:51",)}, NOON)
    assert DealTimelineRepository(connection).events("1") == [an_event(1)]


def test_participants_of_deals(participants: ParticipantRepository, connection: Connection) -> None:
    deals = DealInfoRepository(connection)
    deals.store([a_deal("1"), a_deal("2")], NOON)
    assert participants.write("deals", {"1": ("contact:51",), "2": (), "3": ()}, NOON) == changed("1", "2")
    assert deals.stored(["1"])["1"].participants == ("contact:51",)
    deals.store([a_deal("1", amount=2.0, hubspot_updated_at=at(5))], at(5))
    assert deals.stored(["1"])["1"].participants == ("contact:51",)


def test_the_deals_that_show_a_person_are_answered_from_an_index(
    participants: ParticipantRepository, timelines: DealTimelineRepository, connection: Connection, profiled: Profiled
) -> None:
    DealInfoRepository(connection).store([a_deal("1"), a_deal("5")], NOON)
    timelines.replace({str(deal): [an_event(number) for number in range(10)] for deal in (1, 2, 3)}, NOON)
    participants.write("emails", {an_event(4).engagement_id: ("contact:51", "company:7")}, NOON)
    participants.write("deals", {"5": ("contact:52",)}, NOON)
    found: list[Changes] = []

    operations = profiled(lambda: found.append(participants.shown_by(["contact:51", "contact:52"])))

    assert found == [changed("1", "2", "3", "5")]
    assert sum(one["docsExamined"] for one in operations) <= 4
    assert participants.shown_by(["contact:99"]) == Changes()


def test_all_engagements_and_deals_are_walked_once(
    participants: ParticipantRepository, timelines: DealTimelineRepository, connection: Connection, profiled: Profiled
) -> None:
    DealInfoRepository(connection).store([a_deal("1"), a_deal("10"), a_deal("2")], NOON)
    calls = [an_event(number, engagement_type="calls") for number in range(5)]
    timelines.replace({"1": calls, "2": [*calls[2:], an_event(9)]}, NOON)

    first = participants.ids_after("calls", "", 3)
    operations = profiled(lambda: participants.ids_after("calls", first[-1], 3))

    assert first == [one.engagement_id for one in calls[:3]]
    assert participants.ids_after("calls", first[-1], 3) == [one.engagement_id for one in calls[3:]]
    assert sum(one["docsExamined"] for one in operations) == 0
    assert participants.ids_after("deals", "", 2) == ["1", "10"]
    assert participants.ids_after("deals", "10", 2) == ["2"]


def test_moved_events_keep_their_participants(
    participants: ParticipantRepository, timelines: DealTimelineRepository
) -> None:
    timelines.replace({"1": [an_event(1)], "2": [an_event(2)]}, NOON)
    participants.write("emails", {an_event(1).engagement_id: ("contact:51",)}, NOON)
    timelines.adopt("2", ["1"])
    assert [event.participants for event in timelines.events("2")] == [("contact:51",), None]


def test_new_documents_of_other_deals_have_no_participants_until_they_are_read(
    participants: ParticipantRepository, timelines: DealTimelineRepository
) -> None:
    timelines.replace({"1": [an_event(1)]}, NOON)
    participants.write("emails", {an_event(1).engagement_id: ("contact:51",)}, NOON)
    later: datetime = at(5)
    timelines.write([("2", an_event(1))], later)
    assert timelines.events("2")[0].participants is None
    assert participants.write("emails", {an_event(1).engagement_id: ("contact:51",)}, later) == changed("2")
