"""Lists of any length: in pieces, with an entity tag that tells before anything is read whether they changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from dealcache.repositories import DealBatches, StoreUnavailable
from dealcache.repositories.deal_batches import BATCH_SIZE
from dealcache.sandbox.simulator.label_changes import apply_label_changes
from tests.integration.service.harness import ACME, V2, MakeService, Service, assert_problem

LISTS = ("all-deals", "deals?stage=contractsent", "stages", "pipeline-summary")
LONG = LISTS[:2]
CREATED = datetime(2026, 1, 10, 9, 30, 0, 120_000, tzinfo=UTC)


def tags(service: Service) -> dict[str, str]:
    return {path: service.get(V2 + path).headers["ETag"] for path in LISTS}


def changed(service: Service, change: Callable[[], object]) -> set[str]:
    """The lists whose tags are others after ``change``."""
    before = tags(service)
    change()
    return {path for path, tag in tags(service).items() if tag != before[path]}


def refresh(service: Service) -> None:
    service.clock.tick(11)
    assert service.get("deal-info", dealName=ACME, refresh="true").status_code == 200


def fill(service: Service, count: int) -> None:
    """Store deals, of which some were created at the same time."""
    template = service.database.deal_info.find_one({"deal_name": ACME})
    documents = [
        template
        | {"_id": number, "deal_id": str(10**9 + number), "deal_name": f"Deal {number}", "deal_name_key": "deal"}
        | {"create_date": CREATED - timedelta(days=number // 3), "activities": {"count": number, "next": None}}
        for number in range(count)
    ]
    service.database.deal_info.insert_many(documents)


@pytest.fixture
def stored(service: Service) -> Service:
    assert service.get("deal-info", dealName=ACME).status_code == 200
    return service


@pytest.mark.parametrize("path", LISTS)
def test_an_unchanged_list_is_not_read_again_by_any_worker(
    stored: Service, make_service: MakeService, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    known = stored.get(V2 + path)
    assert known.headers["Cache-Control"] == "private, no-cache"
    head = stored.request("HEAD", V2 + path)
    assert (head.status_code, head.data) == (200, b"")
    assert head.headers.get("Content-Length") in (None, str(len(known.data)))
    for other in (stored, make_service()):
        monkeypatch.setattr(DealBatches, "_documents", None)
        again = other.get(V2 + path, {"If-None-Match": known.headers["ETag"]})
        assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", known.headers["ETag"])
        assert again.headers["Cache-Control"] == "private, no-cache"
        monkeypatch.undo()
        assert other.get(V2 + path, {"If-None-Match": '"another"'}).data == known.data


def test_a_tag_changes_with_what_the_list_shows(stored: Service) -> None:
    data = stored.hubspot.data
    (deal_id,) = (one["deal_id"] for one in stored.get(V2 + "all-deals").get_json())
    stage = {"what": "stage", "pipeline": "default", "id": "contractsent", "set": {"label": "Signed"}}
    of_deals = {path for path in LISTS if path != "stages"}

    assert changed(stored, lambda: None) == set()
    assert changed(stored, lambda: refresh(stored)) <= {LISTS[1]}  # whose ages a minute changes
    data.update("deals", deal_id, {"amount": "7"})
    assert changed(stored, lambda: refresh(stored)) == of_deals
    data.add_activity("notes", deals=[deal_id])
    assert changed(stored, lambda: refresh(stored)) - {LISTS[1]} == {"all-deals"}
    apply_label_changes(data, [{"what": "owner", "id": "910999", "set": {"lastName": "New"}}])
    assert changed(stored, stored.parts.labels.refresh) <= {*LONG}
    apply_label_changes(data, [stage])
    assert changed(stored, stored.parts.labels.refresh) >= {"all-deals", "stages", "pipeline-summary"}
    assert stored.get(V2 + "pipeline-summary").get_json()[0] == {"stage": "Signed", "count": 1, "amount": 7.0}
    assert len({*tags(stored).values()}) == len(LISTS)


def test_lists_are_answered_whatever_number_another_system_has_put_somewhere(stored: Service) -> None:
    stored.database.deal_info.update_one({"deal_name": ACME}, {"$set": {"activities.count": 1e300}})
    stored.database.pipelines.update_many({}, {"$set": {"display_order": -1e300, "stages.0.display_order": 1e19}})
    (row,) = stored.get(V2 + "all-deals").get_json()
    assert (row["name"], row["activities"]) == (ACME, None)
    (row,) = stored.get(V2 + "deal-list").get_json()["deals"]
    assert (row["deal_name"], row["activities"]) == (ACME, None)
    assert stored.get(V2 + "stages").get_json()[0]["display_order"] == 0


def test_ages_are_as_of_the_full_minute(stored: Service) -> None:
    stored.clock.now += 60 - stored.clock.now % 60 + 5
    first = stored.get(V2 + LONG[1])
    stored.clock.tick(50)
    second = stored.get(V2 + LONG[1])
    assert (second.headers["ETag"], second.data) == (first.headers["ETag"], first.data)
    stored.clock.tick(5)
    assert stored.get(V2 + LONG[1]).headers["ETag"] != first.headers["ETag"]


def test_a_list_of_many_batches_is_in_order_and_complete(stored: Service) -> None:
    fill(stored, 2 * BATCH_SIZE + 7)
    response = stored.get(V2 + "all-deals")
    rows = [row for row in response.get_json() if row["name"] != ACME]
    assert [row["deal_id"] for row in rows] == [str(10**9 + number) for number in range(2 * BATCH_SIZE + 7)]
    assert [row["id"] for row in response.get_json()] == list(range(2 * BATCH_SIZE + 8))
    assert response.data == orjson.dumps(response.get_json())
    assert rows[4] == {
        "id": rows[4]["id"],
        "deal_id": "1000000004",
        "name": "Deal 4",
        "createdate": "2026-01-09T09:30:00.120Z",
        "stage": "Contract Sent",
        "owner": rows[0]["owner"],
        "activities": 4,
    }
    of_stage = stored.get(V2 + LONG[1]).get_json()
    assert [row["Deal_Name"] for row in of_stage if row["Deal_Name"] != ACME] == [row["name"] for row in rows]


def test_one_damaged_deal_in_a_later_batch_is_one_row(stored: Service) -> None:
    fill(stored, 2 * BATCH_SIZE)
    odd = {"deal_name": ["x"], "owner_id": 7, "activities": {"count": "many", "next": None}}
    stored.database.deal_info.update_one({"_id": BATCH_SIZE + 50}, {"$set": odd})
    row = next(row for row in stored.get(V2 + "all-deals").get_json() if row["deal_id"] == str(10**9 + BATCH_SIZE + 50))
    assert (row["name"], row["owner"], row["activities"]) == ("", "Unknown Owner", None)


def cursors(service: Service) -> int:
    status: dict[str, Any] = service.database.command("serverStatus")
    return int(status["metrics"]["cursor"]["open"]["total"])


@pytest.mark.parametrize("path", LONG)
def test_a_client_that_goes_away_leaves_no_cursor(stored: Service, path: str) -> None:
    fill(stored, 2 * BATCH_SIZE)
    before = cursors(stored)
    response = stored.app.test_client().get(V2 + path, buffered=False)
    assert next(iter(response.response)).startswith(b"[{")
    assert cursors(stored) == before + 1
    response.close()
    assert cursors(stored) == before


@pytest.mark.parametrize("path", LONG)
def test_a_list_whose_first_batch_fails_is_a_problem(
    stored: Service, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    def documents(*_: Any, **_more: Any) -> Any:
        raise StoreUnavailable("MongoDB does not answer")
        yield

    monkeypatch.setattr(DealBatches, "_documents", documents)
    assert_problem(stored.get(V2 + path), 503)
