"""Live updates of the running service: who is told what, and what connections cost others."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import uuid
from contextlib import ExitStack
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.e2e.jobs import ask_for_sync, completed
from tests.e2e.live import PATH, LiveClient, handshake, live_client, raw_client, subscription
from tests.e2e.metrics import all_follow
from tests.e2e.programs import ACME, READ, Gunicorn, HubSpot, StartService, assert_problem, signal_and_wait
from tests.e2e.test_sync_webhooks import SECRET, deliver, first, now
from tests.freezing import frozen, thaw
from tests.waiting import until

#: Many services are started, or one for long: for `make test-long`.
pytestmark = pytest.mark.long


@pytest.fixture
def synced(start_service: StartService, hubspot: HubSpot) -> Gunicorn:
    """A service with four threads that knows all deals."""
    service = start_service(THREADS="4", HUBSPOT_CLIENT_SECRET=SECRET, SYNC_CONFIRM_SECONDS="0")
    with live_client(service) as client:
        completed(service, ask_for_sync(service))
        # Changes are told a moment later, in their order: whoever connects from now on hears nothing of that sync.
        client.told_before(read_new_deal(service, hubspot))
    return service


def rename(hubspot: HubSpot, deal_id: str, name: str) -> None:
    hubspot.change(
        {"do": "update", "object_type": "deals", "record_id": deal_id, "properties": {"dealname": name}},
    )


def new_deal(hubspot: HubSpot, name: str) -> str:
    (deal_id,) = hubspot.change({"do": "add_deal", "name": name})
    return str(deal_id)


def read_new_deal(service: Gunicorn, hubspot: HubSpot, name: str | None = None) -> str:
    """Read a deal that nobody has read before, of which clients are told; its name."""
    name = name or f"New {uuid.uuid4().hex}"
    assert service.get(READ, dealId=new_deal(hubspot, name)).status_code == 200
    return name


def is_reset(sock: socket.socket) -> bool:
    """Return True if a connection ends without an end, once all that has arrived is read."""
    try:
        while sock.recv(1 << 20):
            pass
    except ConnectionResetError:
        return True
    return False


def metric(service: Gunicorn, name: str) -> float:
    lines = service.get("/metrics").text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def test_who_is_told_what_of_a_sync(synced: Gunicorn, hubspot: HubSpot) -> None:
    deal_id = new_deal(hubspot, "Told live")
    with (
        live_client(synced) as everything,
        live_client(synced, "?dealName=told%20LIVE&dealName=Other") as by_query,
        live_client(synced) as by_message,
        live_client(synced, "?dealName=Other") as other,
    ):
        by_message.subscribe("Told live")
        completed(synced, ask_for_sync(synced))
        for client in (everything, by_query, by_message):
            message = client.until_told_of("Told live")
            assert message["type"] == "deal.updated"
            assert (message["deal_id"], message["changed"]) == (deal_id, ["info", "timeline", "activities_count"])
            assert message["at"].endswith("Z")
            assert synced.get(READ, dealId=deal_id).json()["dealName"] == "Told live"

        hubspot.change({"do": "add_activity", "object_type": "notes", "deals": [deal_id]})
        completed(synced, ask_for_sync(synced))
        for client in (everything, by_query, by_message):
            assert client.until_told_of("Told live")["changed"] == ["info", "timeline", "activities_count"]

        rename(hubspot, deal_id, "Told by another name")
        completed(synced, ask_for_sync(synced))
        for client in (everything, by_query, by_message):  # also those who know the old name alone
            message = client.until_told_of("Told by another name")
            assert (message["deal_id"], message["changed"]) == (deal_id, ["info", "timeline"])
        assert other.told_before(read_new_deal(synced, hubspot, "Other")) == []


def test_a_sync_that_changes_nothing_tells_nothing(synced: Gunicorn, hubspot: HubSpot) -> None:
    completed(synced, ask_for_sync(synced))  # what the fixture has made is no news any more
    with live_client(synced) as client:
        completed(synced, ask_for_sync(synced))
        completed(synced, ask_for_sync(synced, full="true"))
        assert client.told_before(read_new_deal(synced, hubspot)) == []


def test_a_webhook_tells_of_the_deal_that_it_names(synced: Gunicorn, hubspot: HubSpot) -> None:
    deal_id = next(deal["id"] for deal in hubspot.steer("GET", "deals")["deals"] if deal["name"] == ACME)
    with live_client(synced, "?dealName=acme%20renewal") as client, live_client(synced, "?dealName=x") as other:
        hubspot.change({"do": "update", "object_type": "deals", "record_id": deal_id, "properties": {"amount": "4711"}})
        event = {"subscriptionType": "deal.propertyChange", "objectId": int(deal_id), "propertyName": "amount"}
        body = json.dumps([event | {"eventId": 1, "subscriptionId": 1, "occurredAt": now()}]).encode()
        status, _, answer = deliver(synced, body, first(body))
        assert (status, json.loads(answer)["new"]) == (200, 1)
        message = client.message()
        assert (message["deal_id"], message["deal_name"], message["changed"]) == (deal_id, ACME, ["info"])
        # Whoever reads on being told finds the new value.
        assert synced.get(READ, dealName=ACME).json()["amount"] == 4711
        assert other.told_before(read_new_deal(synced, hubspot, "x")) == []


def test_a_refresh_that_finds_something_new_tells_of_it_too(synced: Gunicorn, hubspot: HubSpot) -> None:
    deal_id = new_deal(hubspot, "Read before it was synced")
    with live_client(synced) as client:
        assert synced.get(READ, dealId=deal_id).status_code == 200
        assert client.until_told_of("Read before it was synced")["deal_id"] == deal_id
        completed(synced, ask_for_sync(synced))
        assert client.told_before(read_new_deal(synced, hubspot)) == []


@pytest.mark.parametrize("count", [4, 40])
def test_connections_hold_no_threads_and_no_places_of_others(
    start_service: StartService, hubspot: HubSpot, count: int
) -> None:
    service = start_service(THREADS="4", GUNICORN_CMD_ARGS="--worker-connections 24")
    with live_client(service) as client:
        all_follow(service)
        client.until_told_of(read_new_deal(service, hubspot))  # whoever connects from now on hears of nothing before
    until(lambda: metric(service, "dealcache_live_clients") == 0)
    told = metric(service, "dealcache_live_messages_total")
    with ExitStack() as stack:
        clients = [stack.enter_context(live_client(service)) for _ in range(count)]
        for _ in range(8):
            assert service.get("/healthz").status_code == 200
            until(lambda: service.get(READ, dealName=ACME).headers["X-Cache-Tier"] == "memory")
        until(lambda: metric(service, "dealcache_live_clients") == count)
        name = read_new_deal(service, hubspot)
        for client in clients:
            assert client.message()["deal_name"] == name
        until(lambda: metric(service, "dealcache_live_messages_total") == told + count)
    until(lambda: metric(service, "dealcache_live_clients") == 0)
    assert metric(service, 'dealcache_requests_total{route="/ws/deal-updates",status="101"}') == 1 + count

    def statuses() -> list[int]:
        return [line["status"] for line in service.log() if line.get("target", "").startswith(PATH)]

    until(lambda: statuses() == [101] * (1 + count))
    assert not [line for line in service.log() if line["level"] in ("ERROR", "CRITICAL")]


def test_a_slow_client_is_dropped_and_the_others_are_told_everything(synced: Gunicorn, hubspot: HubSpot) -> None:
    """The slow one reads nothing, while every deal changes again and again."""
    long_name = "🤝" * 480  # of four bytes each, so that few rounds are more than may wait for a client
    ids = [new_deal(hubspot, f"{number} {long_name}") for number in range(200)]
    slow, _ = raw_client(synced, buffer=4096)
    got: dict[str, set[str]] = {}

    def listen(client: LiveClient) -> None:
        try:
            while True:
                message = client.message(60)
                got.setdefault(message["deal_id"], set()).add(message["deal_name"])
        except ConnectionClosed:
            return

    with live_client(synced) as quick:
        listening = threading.Thread(target=listen, args=(quick,), daemon=True)
        listening.start()
        rounds = 0
        while not metric(synced, 'dealcache_live_dropped_total{reason="slow"}'):
            rounds += 1
            assert rounds < 40
            hubspot.change(
                *(
                    {
                        "do": "update",
                        "object_type": "deals",
                        "record_id": one,
                        "properties": {"dealname": f"{rounds} {long_name}"},
                    }
                    for one in ids
                )
            )
            completed(synced, ask_for_sync(synced))
        until(lambda: all(f"{rounds} {long_name}" in got.get(one, ()) for one in ids))
        until(lambda: metric(synced, "dealcache_live_clients") == 1)
        assert synced.get("/healthz").status_code == 200
    listening.join(60)
    assert is_reset(slow)
    slow.close()


def test_what_is_sent_behind_the_handshake_without_waiting_is_heard(synced: Gunicorn) -> None:
    sock, answer = raw_client(synced, subscription(ACME))
    while b"subscribed" not in answer:
        chunk = sock.recv(4096)
        assert chunk, answer
        answer += chunk
    sock.close()


def test_a_ping_is_answered_and_bad_messages_are_refused(synced: Gunicorn) -> None:
    with live_client(synced) as client:
        assert client.connection.ping(b"here?").wait(60)
        client.connection.send("subscribe me")
        assert client.message() == {"type": "error", "detail": "The message is not valid JSON."}
        client.connection.send(["{", '"action": ', "1}"])
        assert client.message()["type"] == "error"
        client.connection.send(b"\0\1")
        with pytest.raises(ConnectionClosed) as closed:
            client.message()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1003
    with live_client(synced) as client:
        client.connection.send("x" * 300_000)
        with pytest.raises(ConnectionClosed) as closed:
            client.message()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009


@pytest.mark.parametrize("workers", ["1", "2"])
def test_sigterm_says_goodbye_at_once_while_requests_are_still_answered(
    start_service: StartService, hubspot: HubSpot, workers: str
) -> None:
    service = start_service(WEB_CONCURRENCY=workers)
    hubspot.steer("POST", "faults", match="search", delay=2)
    answers: list[int] = []
    with ExitStack() as stack:
        clients = [stack.enter_context(live_client(service)) for _ in range(20)]
        mute, _ = raw_client(service)
        stack.callback(mute.close)
        slow = threading.Thread(target=lambda: answers.append(service.get(READ, dealName=ACME).status_code))
        slow.start()
        until(lambda: hubspot.calls().get("search", 0) >= 1)
        stack.enter_context(frozen(hubspot.process.pid))
        ended: list[Any] = []
        stopping = threading.Thread(target=lambda: ended.append(signal_and_wait(service)))
        stopping.start()
        for client in clients:
            with pytest.raises(ConnectionClosed) as closed:
                client.message()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1001
        assert not answers  # the reader who waits for HubSpot is still waited for
        mute_got = b""
        while chunk := mute.recv(4096):
            mute_got += chunk
        assert mute_got[:4] == b"\x88" + bytes([len(mute_got) - 2]) + (1001).to_bytes(2, "big")
        thaw(hubspot.process.pid)
        slow.join(60)
        stopping.join(60)
    assert answers == [200]
    ((code, seconds),) = ended
    assert code == 0
    assert seconds < 28  # the graceful time-out is thirty
    assert not [line for line in service.log() if line["level"] in ("ERROR", "CRITICAL")]


def test_tokens_and_origins(start_service: StartService) -> None:
    service = start_service(API_TOKEN="api-token", ADMIN_TOKEN="admin-token", CORS_ORIGINS="https://ui.example.com")
    status, headers, body = service.ask(handshake(service))
    assert_problem(status, headers, body)
    assert (status, headers["www-authenticate"]) == (401, 'Bearer realm="dealcache"')
    allowed = {"Authorization": "Bearer api-token"}
    for more in (allowed, {"Sec_WebSocket_Protocol": "bearer, admin-token"}):
        status, headers, _ = service.ask(handshake(service, **more))
        assert status == 101
        assert headers.get("sec-websocket-protocol") == ("bearer" if "Sec_WebSocket_Protocol" in more else None)
    for origin, wanted in {
        "https://ui.example.com": 101,
        f"http://127.0.0.1:{service.port}": 101,
        "https://evil.example.com": 403,
        "null": 403,
    }.items():
        assert service.ask(handshake(service, Origin=origin, **allowed))[0] == wanted
    with live_client(service, headers=allowed) as client:
        client.subscribe("Other")
    assert "api-token" not in service.err


def test_other_requests_for_the_path_are_problems(two_workers: Gunicorn) -> None:
    plain = two_workers.get(PATH)
    assert_problem(plain.status_code, plain.headers, plain.content)
    assert (plain.status_code, plain.headers["Upgrade"], plain.headers["Sec-WebSocket-Version"]) == (
        426,
        "websocket",
        "13",
    )
    for wanted, changes in {
        426: {"Sec_WebSocket_Version": "8"},
        400: {"Sec_WebSocket_Key": "none"},
    }.items():
        status, headers, body = two_workers.ask(handshake(two_workers, **changes))
        assert status == wanted
        assert_problem(status, headers, body)
    status, headers, body = two_workers.ask(handshake(two_workers, "?dealName=%20"))
    assert status == 422
    assert assert_problem(status, headers, body)["errors"].keys() == {"dealName"}
    with pytest.raises(InvalidStatus), live_client(two_workers, "?dealName="):
        pass


def test_a_connection_may_be_used_for_reads_before_it_becomes_a_websocket(two_workers: Gunicorn) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", two_workers.port, timeout=60)
    for _ in range(3):
        connection.request("GET", "/healthz")
        response = connection.getresponse()
        assert (response.status, response.read()) == (200, b'{"status":"ok"}')
    assert connection.sock is not None
    connection.sock.sendall(handshake(two_workers))
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += connection.sock.recv(4096)
    assert answer.startswith(b"HTTP/1.1 101")
    connection.sock.sendall(subscription(ACME))
    assert b"subscribed" in connection.sock.recv(4096)
    connection.close()
