"""Comparison of what the service says of all deals with what HubSpot has, seen from outside of both."""

from __future__ import annotations

import http.client
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime
from typing import Any

import orjson
import requests
from pymongo import MongoClient

from tests.e2e.programs import TOKEN, Gunicorn, HubSpot

V2 = "/api/hubspot/v2"

#: The ids of each deal's events, in the order of its timeline.
Timelines = dict[str, list[str]]

#: The property that stands in for the time of an activity without one, before the date of its creation.
_START = "hs_meeting_start_time"
_READERS = 4


def true_timelines(hubspot: HubSpot) -> Timelines:
    """The live deals of an account and their events."""
    deals = hubspot.steer("GET", "truth")["deals"]
    untimed = {(one["type"], one["id"]) for deal in deals for one in deal["activities"] if not one["timestamp"]}
    moments = _moments_without_a_timestamp(hubspot, untimed)
    return {
        deal["id"]: _in_order(
            (one["timestamp"] or moments[one["type"], one["id"]], one["id"]) for one in deal["activities"]
        )
        for deal in deals
    }


def _in_order(rows: Iterable[tuple[str, str]]) -> list[str]:
    """Event ids by time, then by id."""
    timed = [(datetime.fromisoformat(moment), activity_id) for moment, activity_id in rows]
    return [one for _, one in sorted((when, f"{one}_{when:%Y%m%d%H%M}") for when, one in timed)]


def _moments_without_a_timestamp(hubspot: HubSpot, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    by_type: defaultdict[str, list[str]] = defaultdict(list)
    for kind, one in keys:
        by_type[kind].append(one)
    found = {}
    for kind, ids in by_type.items():
        for start in range(0, len(ids), 100):
            for record in _read(hubspot, kind, ids[start : start + 100]):
                properties = record["properties"]
                found[kind, record["id"]] = properties.get(_START) or properties["hs_createdate"]
    return found


def _read(hubspot: HubSpot, kind: str, ids: list[str]) -> list[dict[str, Any]]:
    body = {"inputs": [{"id": one} for one in ids], "properties": [_START, "hs_createdate"]}
    headers = {"Authorization": f"Bearer {TOKEN}"}
    url = f"{hubspot.url}/crm/v3/objects/{kind}/batch/read"
    response = requests.post(url, json=body, headers=headers, timeout=60)
    response.raise_for_status()
    return response.json()["results"]


def told_timelines(service: Gunicorn) -> Timelines:
    """Return what the service says: all deals that it lists, and the events of each, from MongoDB."""
    rows = service.get(f"{V2}/all-deals").json()
    ids = [row["deal_id"] for row in rows]
    assert len(ids) == len(set(ids)), "a deal is listed twice"
    with ThreadPoolExecutor(_READERS) as pool:
        shares = pool.map(lambda share: _told(service, share), [ids[start::_READERS] for start in range(_READERS)])
        told = {deal_id: events for share in shares for deal_id, events in share.items()}
    assert {row["deal_id"]: row["activities"] for row in rows} == {one: len(events) for one, events in told.items()}
    return told


def _told(service: Gunicorn, ids: Iterable[str]) -> Timelines:
    told = {}
    with closing(http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)) as connection:
        for deal_id in ids:
            connection.request("GET", f"{V2}/deal-timeline?dealId={deal_id}")
            with connection.getresponse() as response:
                assert response.status == 200, response.read()
                told[deal_id] = [event["id"] for event in orjson.loads(response.read())["events"]]
    return told


def assert_true(service: Gunicorn, hubspot: HubSpot, mongodb_uri: str) -> None:
    """That a service says of every live deal what HubSpot has, and that MongoDB holds no record twice."""
    truth, told = true_timelines(hubspot), told_timelines(service)
    assert not differences(truth, told)
    assert twice(mongodb_uri, service.database) == []
    assert all(found == months_of(truth) for found in summarized_months(service))


def months_of(timelines: Timelines) -> dict[str, int]:
    """Return the number of events in each month of UTC."""
    times = (event.rpartition("_")[2] for events in timelines.values() for event in events)
    return Counter(f"{time[:4]}-{time[4:6]}" for time in times)


def summarized_months(service: Gunicorn) -> list[dict[str, int]]:
    """Return the same as each worker of the service sums it up."""
    answers = service.get_from_each(f"{V2}/activity-summary", by="month")
    summaries = [of_worker[0].json() for of_worker in answers.values()]
    assert {summary["time_zone"] for summary in summaries} == {"UTC"}
    assert all(summary["total"] == sum(row["count"] for row in summary["rows"]) for summary in summaries)
    return [{row["key"]: row["count"] for row in summary["rows"]} for summary in summaries]


def differences(truth: Mapping[str, list[str]], told: Mapping[str, list[str]]) -> dict[str, str]:
    """Return what is wrong, by deal; the first few."""
    wrong = dict.fromkeys(truth.keys() - told.keys(), "not stored")
    wrong |= dict.fromkeys(told.keys() - truth.keys(), "not in HubSpot")
    for one in truth.keys() & told.keys():
        if truth[one] != told[one]:
            missing, surplus = set(truth[one]) - set(told[one]), set(told[one]) - set(truth[one])
            wrong[one] = f"missing {sorted(missing)[:5]}, surplus {sorted(surplus)[:5]}, or out of order"
    return dict(list(wrong.items())[:5])


def twice(mongodb_uri: str, name: str) -> list[dict[str, Any]]:
    """The deals and the events that stand more than once in a database, whatever its indexes promise."""
    keys = {
        "deal_info": {"deal_id": "$deal_id"},
        "deal_timeline": {"deal_id": "$deal_id", "type": "$engagement_type", "id": "$engagement_id"},
    }
    found = []
    with MongoClient[dict[str, Any]](mongodb_uri) as client:
        for collection, key in keys.items():
            stages = [{"$group": {"_id": key, "n": {"$sum": 1}}}, {"$match": {"n": {"$gt": 1}}}, {"$limit": 5}]
            assert client[name][collection].find_one(), f"{collection} is empty"
            found += client[name][collection].aggregate(stages, allowDiskUse=True).to_list()
    return found
