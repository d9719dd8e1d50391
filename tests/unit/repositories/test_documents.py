"""Values to documents and back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from dealcache.model.deals import Deal
from dealcache.model.pipelines import Pipeline, Stage
from dealcache.repositories import StoredDeal, StoreError
from dealcache.repositories.documents import (
    deal_fields,
    event_fields,
    milliseconds,
    pipeline_fields,
)
from dealcache.repositories.record_documents import read_all, read_deal, read_event, read_pipeline
from tests.unit.repositories.samples import NOON, a_deal, an_event


@pytest.mark.parametrize("deal", [a_deal(), Deal("2", "Straße $where.x", NOON, archived=True)])
def test_a_deal_survives_the_way_there_and_back(deal: Deal) -> None:
    document = deal_fields(deal) | {"timeline_synced_at": NOON, "score": 3}
    assert read_deal(document) == (StoredDeal(deal, NOON), [])


def test_currencies_are_stored_only_where_there_are_any() -> None:
    assert not {"currency", "amount_in_home_currency"} & deal_fields(a_deal()).keys()
    assert "amount_in_home_currency" not in deal_fields(a_deal(currency="CHF"))
    deal = a_deal(currency="EUR", amount_in_home_currency=1650.0)
    assert read_deal(deal_fields(deal)) == (StoredDeal(deal, None), [])


@pytest.mark.parametrize("odd", ["eur", "€", 7, ["EUR"], {"code": "EUR"}])
def test_another_systems_currency_counts_as_none(odd: Any) -> None:
    stored, faults = read_deal(deal_fields(a_deal()) | {"currency": odd})
    assert (stored.deal, faults.count("currency") > 0) == (a_deal(), True)


def test_names_are_found_in_any_case() -> None:
    assert deal_fields(a_deal(deal_name="  Große ÜBERGABE "))["deal_name_key"] == "grosse übergabe"


def test_a_document_without_optional_fields_is_a_deal_whose_timeline_was_never_read() -> None:
    document = {"deal_id": "1", "deal_name": "n", "hubspot_updated_at": NOON}
    assert read_deal(document) == (StoredDeal(Deal("1", "n", NOON), None), [])


def test_merged_ids_are_an_array_in_the_document() -> None:
    deal = a_deal(merged_ids=("7", "8"))
    assert deal_fields(deal)["merged_ids"] == ["7", "8"]
    assert read_deal(deal_fields(deal))[0].deal == deal


def naive(document: dict[str, Any]) -> dict[str, Any]:
    """The document as the driver returns it without time zones."""
    return {name: one.replace(tzinfo=None) if isinstance(one, datetime) else one for name, one in document.items()}


def test_dates_come_back_aware_whether_or_not_the_driver_says_so() -> None:
    event = an_event(occurred_at=datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC))
    for document in (event_fields("1", event), naive(event_fields("1", event))):
        read, faults = read_event(document)
        assert (read, list(faults)) == (event, [])
        assert read.occurred_at.tzinfo is read.hubspot_updated_at.tzinfo is UTC


def test_an_event_survives_the_way_there_and_back() -> None:
    event = an_event(subject="$set", content="a.b\0c", owner_id=None, owner="")
    assert read_event(naive(event_fields("1", event))) == (event, ())


def test_every_field_of_an_event_but_extra_and_participants_is_written() -> None:
    event = an_event(extra={"sentiment": "positive"}, participants=("contact:51",))
    assert set(event_fields("1", event)) == {*event._fields} - {"extra", "participants"} | {"deal_id"}


@pytest.mark.parametrize("kept", [["contact:51", "company:7"], []])
def test_participants_are_read_back_whatever_else_is_in_the_document(kept: list[str]) -> None:
    document = naive(event_fields("1", an_event())) | {"with": kept}
    assert read_event(document)[0].participants == tuple(kept)
    assert read_event(document | {"sentiment": "positive"})[0].participants == tuple(kept)
    assert read_event(document | {"subject": 42})[0].participants == tuple(kept)
    assert read_event(document | {"with": [*kept, 42]})[0].participants == tuple(kept)
    assert read_event(naive(event_fields("1", an_event())))[0].participants is None
    stored = read_deal(deal_fields(a_deal()) | {"with": kept})[0]
    assert stored.participants == tuple(kept)


def test_only_foreign_fields_that_are_there_are_passed_on() -> None:
    document = naive(event_fields("1", an_event())) | {"sentiment": "positive", "buyer_intent": None, "other": 1}
    assert read_event(document)[0].extra == {"sentiment": "positive", "buyer_intent": None}
    assert read_event(naive(event_fields("1", an_event())))[0].extra == {}


def test_dates_are_cut_to_milliseconds() -> None:
    moment = datetime(2026, 1, 1, 0, 0, 0, 123999, tzinfo=UTC)
    assert milliseconds(moment).microsecond == 123000
    assert event_fields("1", an_event()._replace(occurred_at=moment))["occurred_at"] == milliseconds(moment)
    assert deal_fields(a_deal(create_date=moment, close_date=None))["create_date"] == milliseconds(moment)


def test_a_pipeline_survives_the_way_there_and_back() -> None:
    stages = (Stage("s1", "$first.one", 0, 0.2, False), Stage("s2", "Lost", 1, None, True, archived=True))
    odd = Stage("s-3", "Odd", 2, None, False, property_suffix="s_3_77")
    pipeline = Pipeline("p", "Sales", 1, (*stages, odd), archived=True)
    document = pipeline_fields(pipeline)
    assert read_pipeline(document) == (pipeline, [])
    assert ["property_suffix" in stage for stage in document["stages"]] == [False, False, True]


def test_a_document_of_our_own_that_is_none_is_named_by_its_collection() -> None:
    with pytest.raises(StoreError, match="sync_jobs cannot be read: KeyError 'job_id'"):
        read_all("sync_jobs", lambda document: document["job_id"], [{"sentiment": "positive"}])
