"""The simulator on the wire: open connections, broken ones, concurrency, both versions over HTTP."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from dealcache.sandbox.simulator import Dataset, Fault, Simulator, live_deals


def test_a_connection_stays_open(simulator, http):
    urls = [f"{simulator.base_url}/crm/v3/objects/deals?limit={number}" for number in (1, 2)]
    ports = set()
    for url in urls:
        with http.get(url, stream=True) as answer:
            ports.add(answer.raw.connection.sock.getsockname())
            assert answer.headers["Content-Length"] == str(len(answer.content))
            assert answer.headers["Content-Type"] == "application/json;charset=utf-8"

    assert len(ports) == 1


def test_both_versions_say_the_same(simulator, http):
    pairs = [
        ("/crm/v3/objects/deals", "/crm/objects/2026-09/deals"),
        ("/crm/v3/owners", "/crm/owners/2026-09"),
        ("/crm/v3/pipelines/deals", "/crm/pipelines/2026-09/deals"),
        ("/account-info/v3/details", "/account-info/2026-09/details"),
    ]
    for old, new in pairs:
        one, other = (http.get(simulator.base_url + path).json() for path in (old, new))
        assert one["results"] == other["results"] if "results" in one else one == other


def test_names_with_any_character_are_found(simulator, http):
    for deal in live_deals(simulator.data)[:11]:
        name = deal.properties["dealname"]
        body = {"filterGroups": [{"filters": [{"propertyName": "dealname", "operator": "EQ", "value": name}]}]}
        answer = http.post(f"{simulator.base_url}/crm/v3/objects/deals/search", json=body).json()
        assert str(deal.id) in {one["id"] for one in answer["results"]}


def test_reset(simulator, http):
    simulator.faults.add(Fault("list", reset=True, times=1))

    with pytest.raises(requests.ConnectionError):
        http.get(f"{simulator.base_url}/crm/v3/objects/deals")

    assert http.get(f"{simulator.base_url}/crm/v3/objects/deals").status_code == 200
    assert [one.status for one in simulator.calls] == [0, 200]


def test_a_reset_is_one_on_the_wire_too(simulator):
    simulator.faults.add(Fault("list", reset=True))
    host, port = simulator.base_url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(b"GET /crm/v3/objects/deals HTTP/1.1\r\nHost: x\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            connection.recv(1)


def test_body_cut_short(simulator, http):
    simulator.faults.add(Fault("list", cut_short=True, times=1))

    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        http.get(f"{simulator.base_url}/crm/v3/objects/deals")

    assert http.get(f"{simulator.base_url}/crm/v3/objects/deals").status_code == 200


def test_html_and_odd_statuses_pass_the_wire(simulator, http):
    for status in (477, 502, 524):
        simulator.faults.add(Fault("list", status=status, html=True, times=1))
        answer = http.get(f"{simulator.base_url}/crm/v3/objects/deals")
        assert (answer.status_code, answer.headers["Content-Type"]) == (status, "text/html; charset=UTF-8")


def test_too_long_an_address(simulator, http):
    answer = http.get(f"{simulator.base_url}/crm/v3/objects/deals", params={"properties": "x" * 17_000})

    assert answer.status_code == 414


def test_latency_is_waited_for_side_by_side(simulator, http):
    simulator.latency = 0.2
    started = time.monotonic()
    with ThreadPoolExecutor(10) as pool:
        answers = list(
            pool.map(
                lambda _: (
                    requests.get(
                        f"{simulator.base_url}/crm/v3/objects/deals", headers=http.headers, timeout=60
                    ).status_code
                ),
                range(10),
            )
        )

    assert answers == [200] * 10
    assert time.monotonic() - started >= 0.2
    assert simulator.calls.max_concurrency > 1


def test_changes_while_it_is_read(simulator, http):
    """Lists keep their order and never show a record twice while records come and go."""
    stop = threading.Event()

    def change():
        while not stop.is_set():
            deal = simulator.data.add_deal("short-lived")
            simulator.data.archive("deals", deal)

    changer = threading.Thread(target=change)
    changer.start()
    try:
        for _ in range(30):
            ids = [
                int(one["id"])
                for one in http.get(f"{simulator.base_url}/crm/v3/objects/deals?limit=100").json()["results"]
            ]
            assert ids == sorted(set(ids))
    finally:
        stop.set()
        changer.join()


@pytest.mark.parametrize(("part", "seconds"), [("head", 0.2), ("body", 0.1)])
def test_an_answer_may_drip(simulator, http, part, seconds):
    url = f"{simulator.base_url}/crm/v3/objects/deals?limit=1"
    whole = http.get(url).content
    simulator.faults.add(Fault("list", drip=part, drip_seconds=0.001))

    started = time.monotonic()
    assert http.get(url).content == whole
    assert time.monotonic() - started >= seconds


def test_stopped_it_is_gone_and_started_again_it_is_back():
    simulator = Simulator(Dataset(), limits=None)
    with requests.Session() as session:
        session.headers["Authorization"] = "Bearer simulator-token"
        url = f"{simulator.start()}/crm/v3/objects/deals"
        assert session.get(url).status_code == 200
        simulator.stop()
        with pytest.raises(requests.ConnectionError):
            session.get(url)

        simulator.start()
        assert session.get(url).status_code == 200
        simulator.stop()


def test_an_error_of_its_own_is_a_500(simulator, http, caplog, monkeypatch):
    monkeypatch.setattr(simulator.data, "owners", None)

    answer = http.get(f"{simulator.base_url}/crm/v3/owners")

    assert answer.status_code == 500
    assert "failed in the simulator itself" in caplog.text
