"""Injected faults, latency, the record of calls, and steering over HTTP."""

import orjson
import pytest

from dealcache.sandbox.simulator import Fault

LIST = ("GET", "/crm/v3/objects/deals")
SEARCH = ("POST", "/crm/v3/objects/deals/search", {})


@pytest.mark.parametrize("status", [423, 429, 477, 500, 502, 503, 504, 521, 523, 524])
def test_status_with_a_fitting_body(hub, status):
    hub.app.faults.add(Fault("list", status=status))

    answer = hub.ask(*LIST)

    assert answer.status == status
    assert orjson.loads(answer.body)["correlationId"] == answer.headers["X-HubSpot-Correlation-Id"]
    assert ("Retry-After" in answer.headers) == (status == 477)


def test_bodies_and_headers_of_ones_own(hub):
    hub.app.faults.add(Fault("list", status=503, html=True, headers={"Retry-After": "2"}, times=1))
    hub.app.faults.add(Fault("list", status=200, body="not json", times=1))
    hub.app.faults.add(Fault("list", status=500, body={"message": "boom"}, times=1))

    page, text, json = hub.ask(*LIST), hub.ask(*LIST), hub.ask(*LIST)

    assert page.body.startswith(b"<!DOCTYPE html>")
    assert page.content_type.startswith("text/html")
    assert page.headers["Retry-After"] == "2"
    assert text.body == b"not json"
    assert orjson.loads(json.body) == {"message": "boom"}


def test_skip_and_times_choose_the_calls(hub):
    hub.app.faults.add(Fault("list", status=500, skip=1, times=2))

    assert [hub.ask(*LIST).status for _ in range(5)] == [200, 500, 500, 200, 200]


def test_a_kind_matches_exactly_and_anything_else_is_a_pattern(hub):
    hub.app.faults.add(Fault("read", status=500))
    assert hub.ask("POST", "/crm/v3/objects/deals/batch/read", {"inputs": []}).status == 200
    assert hub.ask("GET", "/crm/v3/objects/deals/1").status == 500

    hub.app.faults.clear()
    hub.app.faults.add(Fault(r"^POST .*/deals/", status=500))
    assert [hub.ask(*SEARCH).status, hub.ask(*LIST).status] == [500, 200]


def test_a_fault_may_be_of_one_record(hub):
    hub.app.faults.add(Fault(".*", 500, record="123"))
    read = "/crm/v3/objects/deals/batch/read"
    assert hub.ask("POST", read, {"inputs": [{"id": "1234"}, {"id": "12"}]}).status in (200, 207)
    assert hub.ask("POST", read, {"inputs": [{"id": "12"}, {"id": "123"}]}).status == 500
    assert hub.ask("GET", "/crm/v3/objects/deals/123").status == 500
    assert hub.ask("GET", "/crm/v3/objects/deals/1234").status == 404


def test_delay_and_latency_hold_the_ordinary_answer_back(hub):
    hub.app.latency = 0.2
    hub.app.faults.add(Fault("list", delay=2.0))

    assert [hub.ask(*LIST).status, hub.ask(*SEARCH).status] == [200, 200]
    assert hub.slept == [2.2, 0.2]


def test_what_asks_for_more_takes_longer(hub):
    hub.app.faults.add(Fault("list", delay=1.0, delay_per_input=0.01))
    hub.app.faults.add(Fault("(batch/read|search)$", delay_per_input=0.1))

    hub.ask("GET", "/crm/v3/objects/deals?limit=50")
    hub.ask("POST", "/crm/v3/objects/deals/batch/read", {"inputs": [{"id": "1"}, {"id": "2"}]})
    hub.ask("POST", "/crm/v3/objects/deals/search", {"limit": 200})
    assert hub.slept == [1.5, 0.2, 20.0]


def test_the_gateway_does_not_wait_for_ever(hub):
    hub.site.behaviour.gateway_seconds = 30.0
    hub.app.faults.add(Fault("list", delay=30.1, times=1))
    hub.app.faults.add(Fault("list", delay=30.0))

    assert [hub.ask(*LIST).status, hub.ask(*LIST).status] == [524, 200]
    assert hub.slept == [30.0, 30.0]


def test_a_slow_answer_is_as_old_as_it_took(hub):
    deal = hub.data.add_deal("before")
    hub.app.latency = 1.0
    hub.app._sleep = lambda _: hub.data.update("deals", deal, {"dealname": "after"})

    assert hub.json(*LIST)["results"][0]["properties"]["dealname"] == "before"


def test_broken_connections_are_marked(hub):
    hub.app.faults.add(Fault("list", reset=True))
    hub.app.faults.add(Fault("search", cut_short=True))

    assert hub.ask(*LIST).ending == "reset"
    cut = hub.ask(*SEARCH)
    assert (cut.status, cut.ending) == (200, "cut_short")


def test_patterns_are_checked_when_set(hub):
    with pytest.raises(ValueError, match="not a regular expression"):
        hub.app.faults.add(Fault("[", status=500))


def test_calls_are_recorded(hub):
    hub.ask(*LIST)
    hub.ask("POST", "/crm/v4/associations/0-3/note/batch/read", {"inputs": [{"id": "1"}, {"id": "2"}]})
    hub.ask("POST", "/crm/v3/objects/deals/batch/read", {"inputs": 7})
    hub.ask("GET", "/nowhere")
    calls = hub.app.calls

    assert [(one.kind, one.object_type, one.inputs, one.status) for one in calls] == [
        ("list", "deals", 0, 200),
        ("associations", "deals", 2, 207),
        ("batch_read", "deals", 0, 400),
        ("unknown", "", 0, 404),
    ]
    assert all(one.finished >= one.started for one in calls)
    assert (calls.count(), calls.count("list"), calls.count("search"), calls.max_concurrency) == (4, 1, 0, 1)
    calls.clear()
    assert (calls.count(), list(calls)) == (0, [])


def test_steering_over_http(hub):
    hub.data.add_deal("Acme", record_id=1)
    hub.data.add_activity("notes", {"hs_timestamp": "2026-11-01T12:00:00.000Z"}, deals=[1], record_id=5)
    hub.json("POST", "/_simulator/faults", {"match": "list", "status": 503}, status=201)

    assert hub.ask(*LIST).status == 503
    assert hub.json("GET", "/_simulator/faults")["faults"][0]["matched"] == 1
    assert hub.ask("DELETE", "/_simulator/faults").status == 204
    assert hub.ask(*LIST).status == 200
    assert hub.json("GET", "/_simulator/calls")["counts"] == {"list": 2}
    assert [one["status"] for one in hub.json("GET", "/_simulator/calls?limit=1")["calls"]] == [200]
    assert hub.ask("DELETE", "/_simulator/calls").status == 204
    assert hub.json("GET", "/_simulator/calls")["total"] == 0
    assert hub.json("GET", "/_simulator/deals") == {"deals": [{"id": "1", "name": "Acme", "activities": 1}]}
    assert hub.json("GET", "/_simulator/deals/1")["activities"] == [
        {"type": "notes", "id": "5", "timestamp": "2026-11-01T12:00:00.000Z"}
    ]


def test_settings_over_http(hub):
    changes = {"latency": 0.1, "limits": {"search_per_second": 1}, "behaviour": {"index_lag": 5}, "token": "other"}
    hub.json("PATCH", "/_simulator/settings", changes)

    assert hub.ask(*SEARCH).status == 401
    assert [hub.ask(*SEARCH, token="other").status for _ in range(2)] == [200, 429]
    assert (hub.slept, hub.site.behaviour.index_lag) == ([0.1] * 3, 5)

    hub.json("PATCH", "/_simulator/settings", {"limits": False})
    assert hub.ask(*SEARCH, token="other").status == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PATCH", "settings", {"colour": "red"}, 400),
        ("PATCH", "settings", {"limits": {"weekly": 1}}, 400),
        ("POST", "faults", {"status": 500}, 400),
        ("POST", "faults", {"match": "[", "status": 500}, 400),
        ("POST", "restore", {"type": "deals", "id": "1"}, 404),
        ("GET", "deals/1", None, 404),
        ("GET", "deals/x", None, 404),
        ("GET", "nothing", None, 404),
    ],
)
def test_wrong_steering(hub, method, path, body, status):
    hub.json(method, f"/_simulator/{path}", body, status=status)
