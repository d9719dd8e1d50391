"""The short way of a memory hit gives what Flask gives, request for request."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from dealcache.api.hits import HitResponder
from dealcache.simulator import Simulator, demo_data, demo_deal_id
from tests.clocks import ManualClock
from tests.integration.service.harness import ACME, TOKEN, V1, V2, VIEWS, Service, running

API, ADMIN = "api-token-for-tests", "admin-token-for-tests"
ODD = "O'Brien & Sons <priority> 100% #1? ☕"
NOBODY = "Nobody's deal"
ETAGS: list[str] = []


class Both:
    """Two services on the same deals; in the second every request goes the ordinary way."""

    def __init__(self, short: Service, long: Service) -> None:
        self.short = short
        self.long = long
        self.answered = 0


@pytest.fixture(scope="module")
def both(mongodb_uri: str) -> Iterator[Both]:
    clock = ManualClock(float(int(time.time())))
    environ = {"API_TOKEN": API, "ADMIN_TOKEN": ADMIN, "CORS_ORIGINS": "https://ui.example.com"}
    with ExitStack() as stack:
        hubspot = stack.enter_context(Simulator(demo_data(1), token=TOKEN, limits=None, clock=clock))
        hubspot.data.add_deal(ODD)
        short, long = (
            stack.enter_context(running(hubspot, mongodb_uri, f"test_{name}_way", clock, **environ))
            for name in ("short", "long")
        )
        pair = Both(short, long)
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        original = HitResponder.answer

        def answer(self: HitResponder, environ: dict[str, Any]) -> Any:
            if environ.get("test.long"):
                return None
            hit = original(self, environ)
            pair.answered += hit is not None
            return hit

        patch.setattr(HitResponder, "answer", answer)
        warm(pair)
        yield pair


def warm(pair: Both) -> None:
    headers = {"Authorization": f"Bearer {API}"}
    for service in (pair.short, pair.long):
        for how in ({"dealName": ACME}, {"dealName": ODD}, {"dealId": demo_deal_id(ACME)}):
            for view in VIEWS:
                response = service.get(view, headers, **how)
                assert response.status_code == 200
                ETAGS.append(response.headers["ETag"])
        service.get("deal-info", headers, dealName=NOBODY)


def encoded(text: str, spelling: str) -> str:
    """``text`` in one of the ways to write it in a query string."""
    octets = text.encode()
    if spelling == "every byte":
        return "".join(f"%{byte:02x}" for byte in octets)
    safe = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~"
    written = "".join(chr(byte) if byte in safe else f"%{byte:02X}" for byte in octets)
    if spelling == "plus":
        return written.replace("%20", "+")
    if spelling == "raw":
        return octets.decode("latin-1").replace("%", "%25").replace("&", "%26").replace("+", "%2B")
    return written


names = st.sampled_from([ACME, ODD, ACME.upper(), f" {ACME}\u3000", NOBODY]) | st.text(max_size=6)
values = st.builds(encoded, names, st.sampled_from(["percent", "plus", "raw", "every byte"]))
ids = st.sampled_from([demo_deal_id(ACME), "42", "x", "", "0" + demo_deal_id(ACME)])
pairs = (
    st.builds("dealName={}".format, values)
    | st.builds("deal%4Eame={}".format, values)
    | st.builds("dealId={}".format, ids)
    | st.sampled_from(
        ["refresh=false", "refresh=maybe", "limit=3", "types=Call", "since=2026-01-01", "x=1", "dealName", "", "%zz=1"]
    )
)
likely = st.builds("dealName={}".format, st.builds(encoded, st.just(ACME), st.sampled_from(["percent", "plus"])))
queries = likely | st.lists(pairs, max_size=3).map("&".join)
paths = st.sampled_from([V1 + view for view in VIEWS] * 4 + [V1 + "deal-info/", V2 + "deal-info", "/healthz", "//x"])
tags = st.sampled_from(["*", '"nothing"', "", "W/", "rubbish", '"', ","]) | st.builds(
    lambda place, form: form.format(ETAGS[place % len(ETAGS)]),
    st.integers(0, 8),
    st.sampled_from(["{}", "W/{}", '"a", {}', "{}x", "{},", ' {} , W/"b"']),
)
headers = st.fixed_dictionaries(
    {"Authorization": st.sampled_from([f"Bearer {API}"] * 6 + [f"Bearer {ADMIN}", "Bearer no", "Basic x", ""])},
    optional={
        "If-None-Match": tags,
        "Origin": st.sampled_from(["https://ui.example.com", "https://evil.example.com", "null", ""]),
        "X-Request-ID": st.sampled_from(["abc-123", "not sane", "", "x" * 200]),
        "Cache-Control": st.sampled_from(["max-age=0", "only-if-cached", "max-stale"]),
        "Accept": st.sampled_from(["*/*", "text/html", "application/json;q=0"]),
        "Accept-Encoding": st.sampled_from(["gzip", "identity;q=0"]),
        "Range": st.just("bytes=0-3"),
        "If-Modified-Since": st.just("Sat, 01 Jan 2050 00:00:00 GMT"),
        "If-Match": st.just('"nothing"'),
        "Content-Type": st.just("application/json"),
        "Content-Length": st.sampled_from(["0", "", "5"]),
        "Access-Control-Request-Method": st.just("GET"),
        "X-HTTP-Method-Override": st.just("DELETE"),
    },
)
methods = st.sampled_from(["GET"] * 8 + ["HEAD", "POST", "OPTIONS", "PUT"])


def comparable(response: TestResponse) -> tuple[Any, ...]:
    """All of an answer but what may differ: ids that were made, times and durations."""
    shown = []
    for name, value in response.headers:
        if name == "Server-Timing":
            value = ", ".join(part.partition(";")[0] for part in value.split(", "))
        elif name == "X-Request-ID" and len(value) == 32:
            value = "made"
        elif name == "Cache-Status":
            value = "; ".join(part for part in value.split("; ") if not part.startswith("ttl="))
        shown.append((name, value))
    body = response.data
    if b'"request_id":' in body:
        body = body.replace(response.headers["X-Request-ID"].encode(), b"made")
        shown = [pair for pair in shown if pair[0] != "Content-Length"]
    return response.status, sorted(shown), body


def test_both_ways_give_the_same(both: Both) -> None:
    @settings(max_examples=1500, deadline=None)
    @given(method=methods, path=paths, query=queries, sent=headers)
    def compare(method: str, path: str, query: str, sent: dict[str, str]) -> None:
        environ = {"QUERY_STRING": query}
        for name, value in sent.items():
            variable = name.upper().replace("-", "_")
            environ[variable if variable.startswith("CONTENT_") else f"HTTP_{variable}"] = value
        answers = []
        for service, long in ((both.short, False), (both.long, True)):
            client = service.app.test_client()
            overrides = environ | {"test.long": long}
            answers.append(comparable(client.open(path, method=method, environ_overrides=overrides, buffered=True)))
        assert answers[0] == answers[1]

    compare()
    # To compare Flask with Flask would prove nothing.
    assert both.answered > 100


def test_both_ways_count_and_log_alike(both: Both, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "dealcache.read")
    lines = []
    sent = {"Authorization": f"Bearer {API}", "X-Request-ID": "count-me"}
    for service, long in ((both.short, False), (both.long, True)):
        caplog.clear()
        before = service.parts.recorder.counts()[0]["memory"]
        client = service.app.test_client()
        response = client.get(
            V1 + "deal-info", headers=sent, query_string={"dealName": ACME}, environ_overrides={"test.long": long}
        )
        assert response.headers["X-Cache-Tier"] == "memory"
        assert service.parts.recorder.counts()[0]["memory"] == before + 1
        (record,) = caplog.records
        lines.append({name: value for name, value in record.fields.items() if name != "ms"})
        metrics = service.get("/metrics").get_data(as_text=True)
        assert 'dealcache_requests_total{route="/api/hubspot/deal-info",status="200"}' in metrics
        assert 'dealcache_reads_total{tier="memory",view="info"}' in metrics
    assert lines[0] == lines[1]
