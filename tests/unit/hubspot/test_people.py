"""The names of contacts and companies, and who takes part in a record."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealcache.hubspot.activities import modified_property_of, properties_of
from dealcache.hubspot.mapper import RecordMapper
from dealcache.hubspot.pages import AssociationPage
from dealcache.hubspot.people import LONGEST_NAME, MOST_PEOPLE, participants_of, person_of
from dealcache.model.people import Person, by_object_type
from dealcache.model.unreadable import UnreadableRecords
from tests.unit.hubspot.records import record


@pytest.mark.parametrize(
    ("object_type", "properties", "name"),
    [
        ("contacts", {"firstname": "Jane", "lastname": "Doe", "email": "j@acme.example"}, "Jane Doe"),
        ("contacts", {"firstname": " Jane ", "lastname": None}, "Jane"),
        ("contacts", {"firstname": "", "lastname": "Doe"}, "Doe"),
        ("contacts", {"firstname": " ", "lastname": "\x00", "email": " j@acme.example "}, "j@acme.example"),
        ("contacts", {"firstname": None}, None),
        ("contacts", {}, None),
        ("contacts", {"firstname": "Jane\r\n\x07 van", "lastname": "der\tBerg"}, "Jane van der Berg"),
        ("companies", {"name": "Acme", "domain": "acme.example"}, "Acme"),
        ("companies", {"name": "", "domain": "acme.example"}, "acme.example"),
        ("companies", {"name": None, "firstname": "Jane"}, None),
        ("companies", {"name": 42}, "42"),
    ],
)
def test_the_name_of_a_person(object_type, properties, name):
    assert person_of(object_type, record("51", **properties)).name == name


def test_the_key_tells_the_type():
    assert person_of("contacts", record("51")).key == "contact:51"
    assert person_of("companies", record("51")).key == "company:51"
    assert by_object_type({"contact:51", "company:7", "deal:1", "contact:", "x"}) == {
        "contacts": ["51"],
        "companies": ["7"],
    }


def test_a_name_is_bounded():
    found = person_of("companies", record("1", name="x y " * LONGEST_NAME))

    assert found.name is not None
    assert len(found.name) <= LONGEST_NAME
    assert found.name.endswith(("x", "y"))


def test_merged_contacts_are_known_by_their_former_ids():
    found = person_of("contacts", record("9", firstname="Jane", hs_merged_object_ids="51;52;9; ;x"))

    assert found == Person("contact:9", "Jane", ("51", "52", "x"))


def test_a_bad_record_is_one_record():
    noted = []
    mapper = RecordMapper(UnreadableRecords(lambda *what: noted.append(what)))

    found = mapper.people("contacts", [record("1", firstname="A"), {"id": "2", "properties": ["?"]}, {"id": {}}])

    assert found == [Person("contact:1", "A"), Person("contact:2", None)]
    assert len(noted) == 2


@given(
    st.dictionaries(
        st.sampled_from(properties_of("contacts")), st.none() | st.text() | st.integers() | st.lists(st.text())
    )
)
def test_any_values_make_a_person(properties):
    name = person_of("contacts", record("51", **properties)).name

    assert name is None or (name == name.strip() and 0 < len(name) <= LONGEST_NAME and "\n" not in name)


def test_contacts_alone_have_another_name_for_their_modified_date():
    assert modified_property_of("contacts") == "lastmodifieddate"
    assert {modified_property_of(one) for one in ("companies", "deals", "notes")} == {"hs_lastmodifieddate"}


def test_the_participants_of_all_pages_in_the_order_of_their_ids():
    pages = [
        AssociationPage({"1": ("100", "9"), "2": (), "3": ("5",)}, {"1": "a"}, {"3": "VALIDATION_ERROR"}),
        AssociationPage({"1": ("10",)}, {}),
    ]
    asked = []

    def read(pending):
        asked.append(dict(pending))
        return pages.pop(0)

    found = participants_of(read, "contacts", ["1", "2", "3"])

    assert found == {"1": ("contact:9", "contact:10", "contact:100"), "2": ()}
    assert asked == [{"1": None, "2": None, "3": None}, {"1": "a"}]


def test_a_cursor_that_repeats_leaves_the_participants_unknown():
    assert (
        participants_of(lambda pending: AssociationPage(dict.fromkeys(pending, ("5",)), {"1": "a"}), "contacts", ["1"])
        == {}
    )


def test_a_record_has_a_bounded_number_of_people():
    asked = []

    def read(pending):
        start = int(pending["1"] or 0)
        asked.append(start)
        return AssociationPage({"1": tuple(str(one) for one in range(start, start + 150))}, {"1": str(start + 150)})

    (people,) = participants_of(read, "contacts", ["1"]).values()

    assert len(people) == MOST_PEOPLE
    assert len(asked) == 10
