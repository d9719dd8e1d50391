"""Which requests the lane answers, and which it leaves to a thread."""

from __future__ import annotations

import json
import logging
import re
import threading
from typing import NamedTuple

import pytest

from dealcache.api.access import Tokens
from dealcache.api.cross_site import Cors, CrossSiteGuard
from dealcache.api.recorder import ReadRecorder
from dealcache.lane.hit_lane import HitLane
from dealcache.lane.hit_recorder import LOGGED_PER_TURN, HitRecorder
from dealcache.lane.hit_request import Incomplete, check_head
from dealcache.lane.support import ParserLimits
from dealcache.model.deals import DealKey
from dealcache.model.invalidation import Selection
from dealcache.model.labels import Labels
from dealcache.reader.fence import Fence
from dealcache.reader.invalidation_watermark import InvalidationWatermark
from dealcache.reader.label_directory import LabelDirectory
from dealcache.reader.tiered_cache import TieredCache
from dealcache.telemetry.logs import JsonFormatter
from dealcache.telemetry.metrics import Metrics
from dealcache.tiers import CacheKey, Entry, MemoryTier, View
from tests.clocks import ManualClock
from tests.listings import rows_of

CLIENT = ("192.0.2.7", 40_000)
KEY = CacheKey.of(View.INFO, DealKey("name", "Acme"))
TARGET = "/api/hubspot/deal-info?dealName=Acme"
BODY = b'{"dealName": "Acme"}'


class Reply(NamedTuple):
    """An answer of the lane, by names."""

    head: bytes
    body: bytes
    consumed: int


class Stand:
    """A lane over a memory tier that holds one entry."""

    def __init__(
        self, tokens: Tokens | None = None, origins: frozenset[str] = frozenset(), bind: str = "unix:/run/x"
    ) -> None:
        self.clock = ManualClock()
        self.memory = MemoryTier(1_000_000, self.clock)
        self.watermark = InvalidationWatermark(self.clock, self.clock)
        cache = TieredCache(self.memory, None, Fence(), self.watermark, LabelDirectory(Labels), self.clock)
        self.metrics = Metrics()
        self.recorder = ReadRecorder(self.metrics)
        self.hits = HitRecorder(self.recorder, self.metrics, cache.served, log_requests=True)
        cors = Cors(origins)
        guard = CrossSiteGuard(bind, None, cors, tokens=tokens is not None)
        tokens = tokens or Tokens(None, None)
        self.lane = HitLane(cache, tokens, cors, guard, self.hits, self.clock, timer=lambda: 0.0)
        self.put()

    def put(self, body: bytes = BODY, status: int = 200) -> None:
        now = self.clock()
        self.memory.put(
            KEY, Entry(status, body, '"tag"', now, now + 60, now + 120, "7", "Acme", data_as_of=now - 0.5), lambda: True
        )

    def ask(self, head: str, seen: int = 0) -> Reply | None:
        reply = self.lane.answer(head.encode("latin-1"), seen, CLIENT)
        return None if reply is None else Reply(*reply)

    def get(self, *fields: str, target: str = TARGET, method: str = "GET", host: str = "a") -> Reply | None:
        lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", *fields]
        return self.ask("".join(f"{line}\r\n" for line in lines) + "\r\n")

    def value(self, name: str, **labels: str) -> float | None:
        self.recorder.settle()
        return self.metrics.registry.get_sample_value(name, labels)


@pytest.fixture
def stand() -> Stand:
    return Stand()


def header(reply: Reply, name: str) -> str:
    found = re.search(rf"(?m)^{name}: ([^\r]*)\r$", reply.head.decode())
    assert found, reply.head
    return found[1]


def test_a_hit(stand: Stand):
    stand.clock.tick(5.5)
    reply = stand.get("X-Request-ID: mine")
    assert reply is not None
    assert reply.head.startswith(b"HTTP/1.1 200 OK\r\nServer: gunicorn\r\nDate: ")
    assert reply.head.endswith(b"\r\n\r\n")
    assert reply.body == BODY
    assert header(reply, "Content-Length") == str(len(BODY))
    assert (header(reply, "Age"), header(reply, "Cache-Status")) == ("5", "dealcache-memory; hit; ttl=54")
    assert (header(reply, "ETag"), header(reply, "X-Request-ID")) == ('"tag"', "mine")
    assert header(reply, "X-Data-As-Of") == "2027-01-15T07:59:59Z"
    unmodified = stand.get('If-None-Match: "tag"')
    assert unmodified is not None
    assert unmodified.head.startswith(b"HTTP/1.1 304")
    assert header(unmodified, "X-Data-As-Of") == "2027-01-15T07:59:59Z"


def test_times_in_the_head_go_on_from_hit_to_hit(stand: Stand):
    seen = set()
    for _ in range(40):
        reply = stand.get()
        assert reply is not None
        now = stand.clock()
        age = int(now - 1_800_000_000.0)
        assert header(reply, "Age") == str(age)
        assert header(reply, "Cache-Status").endswith(f"ttl={int(60 - (now - 1_800_000_000.0))}")
        seen.add(header(reply, "Date"))
        stand.clock.tick(0.25)
    assert len(seen) == 10


def test_several_requests_at_once_are_told_apart(stand: Stand):
    one = f"GET {TARGET} HTTP/1.1\r\nHost: a\r\n\r\n"
    reply = stand.ask(one + "GET /next")
    assert reply is not None
    assert reply.consumed == len(one)


@pytest.mark.parametrize("seen", [0, 10])
def test_the_beginning_of_a_request_might_become_any(stand: Stand, seen: int):
    head = f"GET {TARGET} HTTP/1.1\r\nHo"
    with pytest.raises(Incomplete):
        stand.ask(head, seen)
    with pytest.raises(Incomplete):
        check_head(head.encode(), seen, ParserLimits())


def test_a_head_is_checked_for_nothing_but_being_complete():
    for head in (f"GET {TARGET} HTTP/1.1\r\nHost: a\r\n\r\n", "nonsense\r\n\r\n"):
        check_head(head.encode(), 0, ParserLimits())


def test_a_method_without_a_body_and_a_value_that_the_client_has(stand: Stand):
    head, unmodified = stand.get(method="HEAD"), stand.get('If-None-Match: W/"tag"')
    assert head is not None
    assert unmodified is not None
    assert (head.body, header(head, "Content-Length")) == (b"", str(len(BODY)))
    assert unmodified.head.startswith(b"HTTP/1.1 304 NOT MODIFIED\r\n")
    assert (unmodified.body, b"Content-" in unmodified.head) == (b"", False)


@pytest.mark.parametrize(
    "fields",
    [
        ["Connection: close"],
        ["Connection: keep-alive", "Connection: keep-alive"],
        ["Content-Length: 0"],
        ["Transfer-Encoding: chunked"],
        ["Expect: 100-continue"],
        ["Cache-Control: max-age=0, No-Cache"],
        ["Host: b"],
        ["X-Forwarded-Proto: https", "X-Forwarded-Ssl: off"],
        ["X_Request_ID: x"],
        ["If-None-Match: a", "If-None-Match: b"],
    ],
)
def test_unusual_fields_are_for_the_ordinary_way(stand: Stand, fields: list[str]):
    assert stand.get(*fields) is None
    assert stand.get() is not None


@pytest.mark.parametrize(
    "target",
    [
        "/healthz",
        "/api/hubspot/deal-info",
        f"{TARGET}&refresh=true",
        f"{TARGET}#x",
        f"http://a{TARGET}",
        f"/{TARGET}",
        "/api/hubspot/deal%2Dinfo?dealName=Acme",
        "/api/hubspot/deal-info?dealName=%ff",
        "/api/hubspot/deal-info?dealName=Nobody",
        "/api/hubspot/deal-info?dealName=" + "x" * 600,
        "/api/hubspot/deal-timeline?dealName=Acme",
    ],
)
def test_other_targets_are_for_the_ordinary_way(stand: Stand, target: str):
    assert stand.get(target=target) is None


def test_other_methods_and_versions_are_for_the_ordinary_way(stand: Stand):
    assert stand.get(method="POST") is None
    assert stand.ask(f"GET {TARGET} HTTP/1.0\r\nHost: a\r\n\r\n") is None
    assert stand.ask(f"\r\nGET {TARGET} HTTP/1.1\r\nHost: a\r\n\r\n") is None
    assert stand.ask("nonsense\r\n\r\n") is None


def test_only_what_is_fresh_and_trusted(stand: Stand):
    assert stand.get() is not None
    stand.watermark.doubt()
    assert stand.get() is None
    stand.clock.tick(1)
    stand.put()
    assert stand.get() is not None
    stand.clock.tick(60)
    assert stand.get() is None
    stand.put(b"", 404)
    assert stand.get() is None


def test_what_was_cleared_or_replaced_is_answered_no_more(stand: Stand):
    assert stand.get() is not None
    stand.memory.invalidate(Selection.all())
    assert stand.get() is None
    stand.put(b"new")
    reply = stand.get()
    assert reply is not None
    assert reply.body == b"new"
    stand.clock.tick(1)
    stand.put(b"newer!")
    reply = stand.get()
    assert reply is not None
    assert (reply.body, header(reply, "Content-Length")) == (b"newer!", "6")


def test_tokens():
    stand = Stand(Tokens("api", "admin"))
    assert stand.get() is None
    assert stand.get("Authorization: Bearer no") is None
    assert stand.get("Authorization: Bearer api") is not None
    assert stand.get("authorization: bearer admin") is not None


def test_host_names_without_a_token():
    stand = Stand(bind="127.0.0.1:8000")
    assert stand.get(host="evil.example") is None
    assert stand.get(host="localhost.evil.example") is None
    assert stand.get(host="localhost:8000") is not None
    assert stand.get(host="[::1]:8000") is not None


def test_origins():
    stand = Stand(origins=frozenset({"https://ui.example.com"}))
    allowed, other = stand.get("Origin: https://ui.example.com"), stand.get("Origin: https://evil.example.com")
    assert allowed is not None
    assert other is not None
    assert header(allowed, "Access-Control-Allow-Origin") == "https://ui.example.com"
    assert b"Access-Control" not in other.head
    assert header(other, "Vary") == "Origin"


def test_each_hit_is_counted_once(stand: Stand):
    for _ in range(100):
        stand.get()
    stand.get(method="HEAD")
    stand.get("If-None-Match: *")
    assert stand.value("dealcache_lane_hits_total") == 102
    assert stand.value("dealcache_reads_total", view="info", tier="memory") == 102
    assert stand.value("dealcache_read_seconds_count", tier="memory") == 102
    assert stand.value("dealcache_read_seconds_bucket", tier="memory", le="5e-05") == 102
    assert stand.value("dealcache_requests_total", route="/api/hubspot/deal-info", status="200") == 101
    assert stand.value("dealcache_requests_total", route="/api/hubspot/deal-info", status="304") == 1
    assert stand.recorder.counts()[0]["memory"] == 102
    assert [row.hits for row in rows_of(stand.memory)] == [102]
    assert stand.value("dealcache_lane_hits_total") == 102


def test_no_hit_is_lost_while_another_thread_hands_on(stand: Stand):
    done = threading.Event()

    def settle() -> None:
        while not done.is_set():
            stand.hits.settle()

    other = threading.Thread(target=settle)
    other.start()
    for _ in range(8_000):
        stand.get()
    done.set()
    other.join()
    assert stand.value("dealcache_lane_hits_total") == 8_000
    assert stand.value("dealcache_read_seconds_count", tier="memory") == 8_000


def test_the_log_has_some_lines_of_their_own_and_one_for_all_others(stand: Stand, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    for number in range(LOGGED_PER_TURN + 30):
        stand.get(f"X-Request-ID: number-{number}", "User-Agent: someone")
    stand.get(method="HEAD")
    assert not caplog.records
    stand.hits.settle()
    stand.hits.settle()
    assert (
        len(caplog.records) == 2 * LOGGED_PER_TURN
    )  # the others share a line, which comes once a second and at the end
    stand.hits.stop()
    lines = [json.loads(JsonFormatter().format(record)) for record in caplog.records]
    reads = [line for line in lines if line["logger"] == "dealcache.read"]
    requests = [line for line in lines if line["logger"] == "gunicorn.access"]
    first, *_, crowd = requests
    assert (first["remote"], first["user_agent"], first["bytes"]) == ("192.0.2.7", "someone", len(BODY))
    assert first["target"] == TARGET
    assert first["time"].startswith("2027-01-15T08:00:00")
    assert [line.get("count", 1) for line in reads] == [1] * LOGGED_PER_TURN + [31]
    assert reads[-1]["hits"] == {"info:Acme": 31}
    assert crowd["count"] == 31
    assert crowd["requests"] == {f"GET {TARGET} 200": 30, f"HEAD {TARGET} 200": 1}
    caplog.clear()
    stand.hits.settle()
    assert not caplog.records
    stand.get()
    stand.hits.settle()
    assert len(caplog.records) == 2  # there is room again


def test_an_evicted_entry_leaves_no_bytes_behind(stand: Stand):
    stand.get()
    slot = stand.memory.slot(KEY)
    assert slot is not None
    assert slot.derived is not None
    stand.memory.invalidate(Selection.all())
    assert (slot.entry.body, slot.derived) == (b"", None)


def test_only_so_many_entries_keep_heads_however_many_are_asked_for(stand: Stand, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("dealcache.lane.hit_lane._HEADS", 2)
    names = ["Acme", "B", "C"]
    slots = []
    for name in names:
        key, now = CacheKey.of(View.INFO, DealKey("name", name)), stand.clock()
        stand.memory.put(key, Entry(200, BODY, '"tag"', now, now + 60, now + 120, name, name), lambda: True)
        slots.append(stand.memory.slot(key))
        assert stand.get(target=f"/api/hubspot/deal-info?dealName={name}") is not None
    assert [slot is not None and slot.derived is not None for slot in slots] == [False, True, True]
    stand.clock.tick(1)  # the next head of the same entry is another one of two, and stays when its first is given up
    for _ in range(2):
        assert stand.get(target="/api/hubspot/deal-info?dealName=C") is not None
    assert [slot is not None and slot.derived is not None for slot in slots] == [False, False, True]
