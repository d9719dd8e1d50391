"""``GET /v2/deal-list``: rows, filters and their refusals, cursors and exports, against a real MongoDB."""

from __future__ import annotations

import csv
import io
import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from dealcache.api.streaming import AnswerBrokenError
from dealcache.model.deals import Deal
from dealcache.reader.deal_rows import COLUMNS
from dealcache.repositories import StoreUnavailable
from dealcache.sandbox.simulator import Simulator, demo_data
from tests.clocks import ManualClock
from tests.integration.service.harness import TOKEN, V2, Service, assert_problem, running

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
NUMERIC = "75018640"

#: Name, stage, owner, amount, days since the creation, date of closing, and how many days ago notes were taken.
DEALS: tuple[tuple[str, str, str | None, str, float, str | None, tuple[float, ...]], ...] = (
    ("Acme renewal 2026", "contractsent", "910901", "1500", 1, "2027-02-03T00:00:00.000Z", (1, 40, -3)),
    ("ACME Wartungsvertrag", "closedwon", "910902", "1234567.891", 10, "2026-11-20T23:30:00.000Z", (100,)),
    ("Müller & Söhne", "closedlost", None, "", 20, None, ()),
    ("=1+2 (cheap)", "143220003", "999999", "-20.5", 30, None, (-10, -5)),
    ('Quote ", comma\nand line', "appointmentscheduled", "910905", "0", 800, None, (5, 5, 5)),
)
#: A deal whose activities were never read.
UNREAD = Deal("9000000001", "acme unread", NOW - timedelta(days=3), stage_id="gone", pipeline_id="default")


@pytest.fixture(scope="module")
def service(mongodb_uri: str) -> Iterator[Service]:
    """A service that knows :data:`DEALS` and :data:`UNREAD`, and whose HubSpot is not to be asked any more."""
    clock = ManualClock(NOW.timestamp())
    with (
        Simulator(demo_data(0), token=TOKEN, limits=None, clock=clock) as hubspot,
        running(hubspot, mongodb_uri, f"test_{uuid.uuid4().hex}", clock, TIMELINE_TIMEZONE="Europe/Berlin") as service,
    ):
        for number, (name, stage, owner, amount, age, closes, notes) in enumerate(DEALS):
            properties = {"dealstage": stage, "pipeline": "default" if stage.isalpha() else NUMERIC}
            properties |= {"hubspot_owner_id": owner, "amount": amount, "closedate": closes}
            times = {"created_at": at(age).timestamp(), "modified_at": at(number).timestamp()}
            deal_id = hubspot.data.add_deal(name, properties, **times)
            for days in notes:
                text = {"hs_timestamp": at(days).isoformat(), "hs_note_body": f'=SUM("A1"); note\r\n{days}'}
                hubspot.data.add_activity("notes", text, deals=[deal_id])
            assert service.get("deal-info", dealId=deal_id).status_code == 200
        service.parts.storage.deals.store([UNREAD], NOW)
        calls = service.calls()
        yield service
        assert service.calls() == calls
        service.database.client.drop_database(service.database)


def at(days: float) -> datetime:
    return NOW - timedelta(days=days)


def ask(service: Service, **query: Any) -> Any:
    return service.raw(V2 + "deal-list", urlencode(query, doseq=True))


def listed(service: Service, **query: Any) -> dict[str, Any]:
    response = ask(service, **query)
    assert response.status_code == 200, response.text
    return json.loads(response.data)


def names(service: Service, **query: Any) -> list[str]:
    return [row["deal_name"] for row in listed(service, **query)["deals"]]


ACME, WON, LOST, FORMULA, QUOTE, UNSEEN = (*(row[0] for row in DEALS), UNREAD.deal_name)


def test_a_row_in_full(service: Service) -> None:
    answer = listed(service)
    assert set(answer) == {"deals", "total", "total_amount"}
    assert answer["total"] == 6
    assert answer["total_amount"] == pytest.approx(1500 + 1234567.891 - 20.5)
    assert [row["deal_name"] for row in answer["deals"]] == [ACME, WON, LOST, FORMULA, QUOTE, UNSEEN]
    acme = answer["deals"][0]
    assert acme == {
        "deal_id": acme["deal_id"],
        "deal_name": ACME,
        "stage": "Contract Sent",
        "stage_id": "contractsent",
        "pipeline": "Sales Pipeline",
        "pipeline_id": "default",
        "owner": "Grace Okafor",
        "owner_id": "910901",
        "amount": 1500.0,
        "currency": None,
        "create_date": "2026-11-22",
        "close_date": "2027-02-03",
        "open": True,
        "activities": 3,
        "first_activity": "2026-10-14",
        "last_activity": "2026-11-22",
        "next_activity": "2026-11-26",
        "updated_at": "2026-11-23T12:00:00.000Z",
        "as_of": "2026-11-23T12:00:00Z",
    }
    assert tuple(acme) == COLUMNS


def test_a_row_says_what_deal_info_and_deal_activities_count_say(service: Service) -> None:
    for row in listed(service)["deals"][:-1]:
        info = service.get(V2 + "deal-info", dealId=row["deal_id"])
        assert row["as_of"] == info.headers["X-Data-As-Of"]
        pairs = {"deal_name": "dealName", "owner": "dealOwner", "stage": "dealStage", "pipeline": "pipeline"}
        pairs |= {"activities": "activityCount", "first_activity": "startDate", "amount": "amount"}
        pairs |= {"create_date": "createDate", "close_date": "closeDate"}
        assert {ours: row[ours] for ours in pairs} == {ours: info.get_json()[theirs] for ours, theirs in pairs.items()}


def test_what_is_not_known_is_null(service: Service) -> None:
    rows = {row["deal_name"]: row for row in listed(service)["deals"]}
    unread = rows[UNSEEN]
    assert [unread[name] for name in COLUMNS[13:17]] == [None] * 4
    assert [unread[name] for name in ("stage", "owner", "owner_id", "as_of")] == ["gone", "Unknown Owner", None, None]
    assert (rows[LOST]["amount"], rows[LOST]["activities"], rows[LOST]["last_activity"]) == (None, 0, None)
    planned = rows[FORMULA]
    assert (planned["first_activity"], planned["last_activity"]) == ("2026-11-28", None)
    assert planned["next_activity"] == "2026-11-28"
    assert rows[WON]["close_date"] == "2026-11-21"  # in Berlin


FOUND: tuple[tuple[dict[str, Any], set[str]], ...] = (
    ({"q": "acme"}, {ACME, WON, UNSEEN}),
    ({"q": "REN ac"}, {ACME}),
    ({"q": "soh MULL"}, {LOST}),
    ({"q": "söhne"}, {LOST}),
    ({"q": "enewal"}, set()),
    ({"q": ".* acm."}, {ACME, WON, UNSEEN}),
    ({"q": "^a|b"}, set()),
    ({"q": " &!-( "}, {ACME, WON, LOST, FORMULA, QUOTE, UNSEEN}),
    ({"q": "acme unread unread acme"}, {UNSEEN}),
    ({"stage": "contract SENT"}, {ACME}),
    ({"stage": ["closedwon", "Closed Lost"]}, {WON, LOST}),
    ({"stage": "gone"}, {UNSEEN}),
    ({"pipeline": "vertragsverlängerung"}, {FORMULA}),
    ({"pipeline": ["default", NUMERIC]}, {ACME, WON, LOST, FORMULA, QUOTE, UNSEEN}),
    ({"owner": "grace okafor"}, {ACME}),
    ({"owner": ["910902", "owner910905@example.com"]}, {WON, QUOTE}),
    ({"owner": "999999"}, {FORMULA}),
    ({"owner": "unknown owner"}, {LOST, FORMULA, UNSEEN}),
    ({"owner": ["Unknown Owner", "910901"]}, {ACME, LOST, FORMULA, UNSEEN}),
    ({"open": "true"}, {ACME, QUOTE, UNSEEN}),
    ({"open": "false"}, {WON, LOST, FORMULA}),
    ({"open": "false", "stage": "closedwon"}, {WON}),
    ({"min_amount": "0"}, {ACME, WON, QUOTE}),
    ({"min_amount": "-20.5", "max_amount": "1.5e3"}, {ACME, FORMULA, QUOTE}),
    ({"created_since": "2026-11-13", "created_until": "2026-11-22"}, {ACME, WON}),
    ({"created_until": "2024-09-14"}, {QUOTE}),
    ({"created_until": "2024-09-13"}, set()),
    ({"closes_since": "2026-11-21", "closes_until": "2026-11-21"}, {WON}),
    ({"closes_since": "0001-01-01", "closes_until": "9999-12-31"}, {ACME, WON}),
    ({"idle_days": "1"}, {WON, LOST, FORMULA, QUOTE, UNSEEN}),
    ({"idle_days": "2"}, {WON, LOST, FORMULA, QUOTE, UNSEEN}),
    ({"idle_days": "6"}, {WON, LOST, FORMULA, UNSEEN}),
    ({"idle_days": "101"}, {LOST, FORMULA, UNSEEN}),
    ({"has_next_activity": "true"}, {ACME, FORMULA}),
    ({"has_next_activity": "true", "open": "true", "q": "acme"}, {ACME}),
    ({"has_next_activity": "false"}, {WON, LOST, QUOTE, UNSEEN}),
    ({"has_next_activity": "false", "open": "true", "owner": "910905"}, {QUOTE}),
    ({"q": "acme", "open": "true", "min_amount": "1", "owner": "910901", "idle_days": "0"}, {ACME}),
)


@pytest.mark.parametrize(("query", "found"), FOUND, ids=[urlencode(query, doseq=True) for query, _ in FOUND])
def test_each_filter(service: Service, query: dict[str, Any], found: set[str]) -> None:
    answer = listed(service, **query)
    assert {row["deal_name"] for row in answer["deals"]} == found
    assert answer["total"] == len(found)
    assert answer["total_amount"] == pytest.approx(sum(row["amount"] or 0 for row in answer["deals"]))


def test_of_a_deal_that_was_never_read_no_next_activity_is_known(service: Service) -> None:
    deals, unseen = service.database.deal_info, {"deal_id": UNREAD.deal_id}
    # As notifications leave it: they tell of single activities.
    summary = {"count": 1, "first": at(-9), "last": None, "end": at(-9), "next": at(-9)}
    deals.update_one(unseen, {"$set": {"activities": summary}})
    service.parts.storage.summaries.renew_version()
    try:
        for wanted in (True, False):
            rows = listed(service, has_next_activity=str(wanted).lower())["deals"]
            assert {row["next_activity"] is not None for row in rows} == {wanted}
            assert (UNSEEN in {row["deal_name"] for row in rows}) is not wanted
    finally:
        deals.update_one(unseen, {"$unset": {"activities": ""}})
        service.parts.storage.summaries.renew_version()


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("name", [FORMULA, ACME, UNSEEN, WON, LOST, QUOTE]),
        ("amount", [FORMULA, QUOTE, ACME, WON, LOST, UNSEEN]),
        ("-amount", [WON, ACME, QUOTE, FORMULA, LOST, UNSEEN]),
        ("created", [QUOTE, FORMULA, LOST, WON, ACME, UNSEEN]),
        ("-closes", [ACME, WON, LOST, FORMULA, QUOTE, UNSEEN]),
        ("activities", [LOST, WON, FORMULA, ACME, QUOTE, UNSEEN]),
        ("-activities", [ACME, QUOTE, FORMULA, WON, LOST, UNSEEN]),
        ("-last_activity", [ACME, QUOTE, WON, LOST, FORMULA, UNSEEN]),
        ("updated", [QUOTE, FORMULA, UNSEEN, LOST, WON, ACME]),
    ],
)
@pytest.mark.parametrize("limit", [1, 2, 500])
def test_each_order_page_by_page(service: Service, sort: str, order: list[str], limit: int) -> None:
    shown: list[str] = []
    query: dict[str, Any] = {"sort": sort, "limit": limit}
    for _ in range(7):
        page = listed(service, **query)
        assert (page["total"], len(page["deals"]) <= limit) == (6, True)
        shown += [row["deal_name"] for row in page["deals"]]
        if "next_cursor" not in page:
            break
        query["cursor"] = page["next_cursor"]
    assert shown == order


REFUSED = [
    "stage=Nowhere",
    "stage=closedwon&stage=Nowhere",
    "stage=",
    "pipeline=x",
    "pipeline=default&pipeline=%00",
    "owner=Nobody",
    "owner=910901&owner=1",
    "open=yes",
    "open=",
    "min_amount=a",
    "min_amount=nan",
    "max_amount=1e400",
    "min_amount=1_0",
    "min_amount=+1",
    "max_amount=",
    "max_amount=1&min_amount=2",
    "created_since=2026-02-30",
    "created_until=tomorrow",
    "created_until=2026-01-01&created_since=2026-01-02",
    "closes_since=20260101",
    "closes_until=2026-01-01&closes_since=2027-01-01",
    "idle_days=-1",
    "idle_days=1.5",
    "idle_days=99999999",
    "has_next_activity=maybe",
    "has_next_activity=",
    "sort=size",
    "sort=",
    "sort=--name",
    "sort=name,amount",
    "limit=0",
    "limit=501",
    "limit=a",
    "format=xml",
    "cursor=",
    "cursor=abc",
    "cursor=%00",
    "cursor=e30",
    "stages=closedwon",
    "q=a&q=b",
    "q=%ff",
    "stage[$ne]=x",
    "limit=1&limit=2",
    "format=csv&cursor=abc",
    "format=csv&stage=Nowhere",
]


def test_an_error_of_a_range_says_what_is_wrong(service: Service) -> None:
    problem = assert_problem(service.raw(V2 + "deal-list", "max_amount=1&min_amount=2"), 422)
    assert problem["errors"] == {"max_amount": ["Must not be less than min_amount."]}


@pytest.mark.parametrize("query", REFUSED)
def test_what_cannot_be_meant_is_refused_with_the_name_of_the_parameter(service: Service, query: str) -> None:
    errors = assert_problem(service.raw(V2 + "deal-list", query), 422)["errors"]
    fields = [part.partition("=")[0] for part in query.split("&")]
    # In a combination the first one is the culprit, or the one after ``format``.
    assert set(errors) == {fields[1] if fields[0] == "format" and len(fields) > 1 else fields[0]}


def test_a_question_may_have_512_characters(service: Service) -> None:
    assert listed(service, q="a " * 256)["total"] == 4
    assert "q" in assert_problem(ask(service, q="a" * 513), 422)["errors"]


@pytest.mark.parametrize(
    ("query", "known"),
    [
        ("stage=closedwon&stage=Nowhere", "Contract Sent"),
        ("pipeline=Nowhere", "Vertragsverlängerung"),
        ("owner=Nobody", "Grace Okafor"),
    ],
)
def test_a_refusal_names_some_that_exist(service: Service, query: str, known: str) -> None:
    problem = assert_problem(service.raw(V2 + "deal-list", query), 422)
    assert known in str(problem["errors"])


def test_a_cursor_serves_its_own_question_alone(service: Service) -> None:
    cursor = listed(service, limit=2, sort="amount", q="a")["next_cursor"]
    assert ask(service, limit=3, sort="amount", q="a", cursor=cursor).status_code == 200
    others: tuple[dict[str, Any], ...] = (
        {"sort": "-amount", "q": "a"},
        {"sort": "amount"},
        {"sort": "amount", "q": "a", "open": "true"},
        {"sort": "name", "q": "a"},
    )
    for other in others:
        assert set(assert_problem(ask(service, cursor=cursor, **other), 422)["errors"]) == {"cursor"}
    for cut in (cursor[:-1], cursor[1:], cursor + "A", cursor.swapcase()):
        assert set(assert_problem(ask(service, sort="amount", q="a", cursor=cut), 422)["errors"]) == {"cursor"}


def export(service: Service, kind: str, **query: Any) -> Any:
    response = ask(service, format=kind, **query)
    assert response.status_code == 200, response.text
    assert response.headers["Content-Disposition"] == f'attachment; filename="deals.{kind}"'
    return response


def test_all_that_matches_as_csv(service: Service) -> None:
    response = export(service, "csv", sort="amount", limit="1")
    assert response.content_type == "text/csv; charset=utf-8"
    header, *rows = csv.reader(io.StringIO(response.data.decode("utf-8"), newline=""))
    assert tuple(header) == COLUMNS
    assert [row[1] for row in rows] == [f"'{FORMULA}", QUOTE, ACME, WON, LOST, UNSEEN]
    shown = [dict(zip(header, row, strict=True)) for row in rows]
    assert (shown[0]["amount"], shown[4]["amount"], shown[4]["activities"], shown[5]["activities"]) == (
        *("-20.5", "", "0", ""),
    )
    assert (shown[0]["open"], shown[0]["deal_id"].isdigit()) == ("false", True)
    assert response.data.count(b"\r\n") == 7


def test_all_that_matches_as_json_lines(service: Service) -> None:
    response = export(service, "ndjson", q="acme")
    assert response.content_type == "application/x-ndjson"
    assert [json.loads(line) for line in response.data.splitlines()] == listed(service, q="acme")["deals"]
    assert export(service, "ndjson", q="nothing").data == b""
    planned = export(service, "ndjson", has_next_activity="true", sort="name").data.splitlines()
    assert [json.loads(line)["deal_name"] for line in planned] == [FORMULA, ACME]


def test_an_export_that_breaks_off_is_none(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = service.parts.storage.deal_list
    real, read = repository.page, list[int]()

    def failing(*arguments: Any) -> Any:
        read.append(len(read))
        if len(read) == fails_at:
            raise StoreUnavailable("MongoDB does not answer")
        return real(*arguments)

    monkeypatch.setattr(repository, "page", failing)
    monkeypatch.setattr("dealcache.reader.list_pages.EXPORT_BATCH", 2)
    fails_at = 2
    response = ask(service, format="ndjson")
    assert response.status_code == 200
    with pytest.raises(AnswerBrokenError):
        list(response.iter_encoded())
    assert read == [0, 1]
    fails_at = 3
    assert_problem(ask(service, format="ndjson"), 503)
    response = ask(service, format="csv")
    assert next(iter(response.response)).count(b"\r\n") == 3
    response.close()
    assert read == [0, 1, 2, 3]


def test_a_timeline_as_a_file(service: Service) -> None:
    deal_id = listed(service, q="quote")["deals"][0]["deal_id"]
    for path in ("deal-timeline", V2 + "deal-timeline"):
        whole = service.get(path, dealId=deal_id).get_json()["events"]
        saved = service.get(path, dealId=deal_id, format="csv", limit="1")
        assert saved.headers["Content-Disposition"] == f'attachment; filename="deal-{deal_id}-timeline.csv"'
        assert saved.headers["X-Data-As-Of"]
        assert "ETag" not in saved.headers
        rows = list(csv.DictReader(io.StringIO(saved.data.decode("utf-8"), newline="")))
        assert len(rows) == len(whole) == 3
        for row, event in zip(rows, whole, strict=True):
            assert {name: row[name] for name in ("id", "timestamp", "type", "subject", "owner")} == {
                name: event[name] for name in ("id", "timestamp", "type", "subject", "owner")
            }
            assert row["content"] == f"'{event['content']}"
        lines = service.get(path, dealId=deal_id, format="ndjson", since="2026-11-18", types="Note").data.splitlines()
        assert [json.loads(line) for line in lines] == whole
        assert service.get(path, dealId=deal_id, format="ndjson", until="2026-11-17").data == b""
        assert "format" in assert_problem(service.get(path, dealId=deal_id, format="xml"), 422)["errors"]
    assert_problem(service.get(V2 + "deal-timeline", dealId="77", format="csv"), 404)


def test_a_deal_that_cannot_be_shown_is_shown_with_nulls(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object) -> str:
        raise ValueError("odd")

    monkeypatch.setattr("dealcache.reader.deal_rows.utc_text", fail)
    (row,) = listed(service, q="quote")["deals"]
    assert row == dict.fromkeys(COLUMNS) | {"deal_id": row["deal_id"]}


def test_totals_are_remembered_until_something_changes(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    repository = service.parts.storage.deal_list
    real = repository.total_and_first

    def note(wanted: object, *more: object) -> object:
        asked.append(wanted)
        return real(wanted, *more)

    monkeypatch.setattr(repository, "total_and_first", note)
    for _ in range(3):
        assert listed(service, q="ren")["total"] == 1
    assert len(asked) == 1
    other = Deal("9000000002", "renewal later", NOW, amount=7.0)
    service.parts.storage.deals.store([other], NOW)
    answer = listed(service, q="ren")
    assert (answer["total"], answer["total_amount"]) == (2, 1507.0)
    service.parts.storage.deals.mark_archived([other.deal_id], NOW + timedelta(seconds=1))
    assert listed(service, q="ren")["total"] == 1


def test_a_page_that_shows_a_remembered_total_wrong_brings_a_new_one(service: Service) -> None:
    assert listed(service, q="quote")["total"] == 1
    # As another system would, without a new version of the lists.
    quote = service.database.deal_info.find_one({"deal_name": QUOTE})
    service.database.deal_info.insert_one(quote | {"_id": "another", "deal_id": "9000000003", "amount": 2.0})
    try:
        answers = [listed(service, q="quote"), listed(service, q="quote", limit=1)]
        assert [(one["total"], one["total_amount"]) for one in answers] == [(2, 2.0)] * 2
    finally:
        service.database.deal_info.delete_one({"_id": "another"})
    assert listed(service, q="quote")["total"] == 1
