"""A known request is what the parser would make of it, and no other request is taken for a known one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dealcache.api.cross_site import Cors, CrossSiteGuard
from dealcache.lane import known_requests
from dealcache.lane.hit_request import HitRequest, HitRequestParser, Incomplete
from dealcache.lane.known_requests import KnownRequests
from dealcache.lane.support import ParserLimits
from tests.examples import examples

LINE = b"GET /api/hubspot/deal-info?dealName=Acme HTTP/1.1\r\n"
HOST = b"Host: a\r\n"
ID = b"X-Request-ID: one\r\n"
END = b"\r\n"


class Both:
    """The parser, and what is remembered of its work."""

    def __init__(self, **limits: int) -> None:
        cors = Cors(frozenset())
        guard = CrossSiteGuard("unix:/run/x", None, cors, tokens=False)
        self.parser = HitRequestParser(cors, guard, ParserLimits(**limits))
        self.known = KnownRequests()

    def parse(self, data: bytes) -> HitRequest | None:
        try:
            return self.parser.parse(data)
        except Incomplete:
            return None

    def learn(self, data: bytes, now: float = 0.0) -> None:
        request = self.parse(data)
        if request is not None:
            self.known.add(data, request, now)

    def find(self, data: bytes) -> HitRequest | None:
        """Return what is known of a request, as the parser would put it."""
        same = self.known.same(data)
        if same is not None:
            return same
        found = self.known.find(data)
        return None if found is None else replace(found[0], request_id=found[1])


def request(*lines: bytes) -> bytes:
    return b"".join((LINE, *lines, END))


@pytest.mark.parametrize("name", [b"X-Request-ID", b"x-request-id", b"X-Request-Id", b"X-REQUEST-ID"])
@pytest.mark.parametrize("place", range(3))
def test_another_id_in_any_line(name: bytes, place: int):
    both = Both()
    lines = [HOST, b"Accept: */*\r\n"]
    first, second = (
        request(*lines[:place], b"%b: %b\r\n" % (name, value), *lines[place:]) for value in (b"a" * 32, b"b:1")
    )
    both.learn(first)
    found = both.find(second)
    assert found is not None
    assert found == both.parse(second)
    assert found.request_id == b"b:1"


def test_without_an_id_all_bytes_are_the_same():
    both = Both()
    both.learn(request(HOST))
    assert both.find(request(HOST)) == both.parse(request(HOST))
    assert both.find(request(HOST, ID)) is None
    assert both.find(request(HOST, HOST)) is None


#: Requests that differ from a known one in more than the value of its id.
OTHERS = {
    "no id": request(HOST),
    "empty": request(HOST, b"X-Request-ID: \r\n"),
    "no space": request(HOST, b"X-Request-ID:two\r\n"),
    "spaces before": request(HOST, b"X-Request-ID:  two\r\n"),
    "space behind": request(HOST, b"X-Request-ID: two \r\n"),
    "space in it": request(HOST, b"X-Request-ID: t o\r\n"),
    "folded": request(HOST, b"X-Request-ID: two\r\n more\r\n"),
    "folded at once": request(HOST, b"X-Request-ID: \r\n two\r\n"),
    "a fold itself": request(HOST, b" X-Request-ID: two\r\n"),
    "twice": request(HOST, ID, ID),
    "twice, in another case": request(HOST, ID, ID.lower()),
    "twice, in another case before": request(HOST, ID.lower(), ID),
    "twice, with an underscore": request(HOST, ID, b"X_Request_ID: two\r\n"),
    "with an underscore": request(HOST, b"X_Request_ID: two\r\n"),
    "in another case": request(HOST, ID.swapcase()),
    "in another place": request(ID, HOST),
    "longer than any before": request(HOST, b"X-Request-ID: four\r\n"),
    "a bare line feed in it": request(HOST, b"X-Request-ID: a\nb\r\n"),
    "a bare carriage return in it": request(HOST, b"X-Request-ID: a\rb\r\n"),
    "ends with a bare line feed": request(HOST, b"X-Request-ID: two\n"),
    "a null in it": request(HOST, b"X-Request-ID: a\0b\r\n"),
    "behind the head": request(HOST) + ID,
    "behind the head, with an end": request(HOST) + ID + END,
    "before the request line": ID + request(HOST),
    "of the next request": request(HOST) + request(HOST, ID),
    "followed by another": request(HOST, ID) + request(HOST, ID),
    "cut": request(HOST, ID)[:-2],
    "with another line": request(HOST, ID, b"Accept: */*\r\n"),
    "with a body": request(HOST, ID, b"Content-Length: 3\r\n") + b"abc",
    "of another method": request(HOST, ID).replace(b"GET", b"HEAD"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_whatever_else_differs_is_for_the_parser(name: str):
    both = Both()
    both.learn(request(HOST, ID))
    assert both.find(OTHERS[name]) is None


@pytest.mark.parametrize("name", OTHERS)
def test_none_of_these_is_remembered_as_another(name: str):
    both = Both()
    both.learn(OTHERS[name])
    for data in OTHERS.values():
        found = both.find(data)
        assert found is None or found == both.parse(data), data


def test_a_longer_id_is_parsed_once():
    both = Both()
    both.learn(request(HOST, ID))
    longer = request(HOST, b"X-Request-ID: %b\r\n" % (b"x" * 128))
    assert both.find(longer) is None
    both.learn(longer)
    assert both.find(longer) == both.parse(longer)
    assert both.find(request(HOST, b"X-Request-ID: %b\r\n" % (b"x" * 129))) is None


ids = st.text("ab1._:/+=@-", min_size=1, max_size=8).map(str.encode) | st.sampled_from([b"x" * 127, b"x" * 128])
odd_ids = st.sampled_from([b"", b" ", b"a b", b"a ", b"\ta", b"a\n", b"a\r", b"a\r\n b", b"\xff", b"x" * 129])
names = st.sampled_from([b"X-Request-ID"] * 6 + [b"x-request-id", b"X-REQUEST-ID", b"X_Request_ID"])
id_lines = st.builds(
    b"%b%b%b\r\n".__mod__, st.tuples(names, st.sampled_from([b": "] * 6 + [b":", b":  "]), ids | odd_ids)
)
other_lines = st.sampled_from(
    [b"Host: a\r\n", b"Accept: */*\r\n", b"If-None-Match: *\r\n", b"X-Odd: X-Request-ID: a\r\n"] * 3
    + [b"Accept: x\n", b" folded\r\n"]
)


@st.composite
def alike(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """Two requests that are mostly the same but for their ids."""
    lines = draw(st.lists(other_lines, max_size=4))
    place = draw(st.integers(0, len(lines)))
    first, second = (
        request(
            *lines[:place],
            *draw(st.lists(id_lines, min_size=1, max_size=draw(st.sampled_from([1] * 5 + [2])))),
            *lines[place:],
        )
        for _ in range(2)
    )
    if draw(st.booleans()):
        return first, second
    cut = draw(st.integers(0, len(second)))
    more = draw(st.sampled_from([b"", b"\r\n", b"\n", b" ", b"X-Request-ID: a\r\n", b"\r\nX-Request-ID: a", first]))
    return first, second[:cut] + more + second[cut + draw(st.integers(0, 3)) :]


@pytest.mark.fuzz
def test_what_is_known_is_what_the_parser_says():
    known = 0

    @settings(max_examples=examples(5000))
    @given(
        pair=alike(),
        fields=st.integers(1, 6) | st.just(100),
        field_size=st.integers(140, 146) | st.integers(10, 30) | st.just(8190),
        line=st.integers(len(LINE) - 4, len(LINE)) | st.just(8190),
    )
    def compare(pair: tuple[bytes, bytes], fields: int, field_size: int, line: int) -> None:
        nonlocal known
        both = Both(limit_request_fields=fields, limit_request_field_size=field_size, limit_request_line=line)
        both.learn(pair[0])
        for data in pair:
            found = both.find(data)
            known += found is not None
            assert found is None or found == both.parse(data)

    compare()
    assert known > examples(5000) / 20


def test_the_memory_is_bounded_and_begins_anew(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(known_requests, "_MOST", 10_000)
    both = Both()
    several = [request(b"Host: %d\r\n" % number) for number in range(100)]
    for data in several:
        both.learn(data, now=100.0)
    known = [data for data in several if both.find(data)]
    assert known == several[: len(known)]
    assert 5 <= len(known) <= 15
    both.learn(several[-1], now=109.0)
    assert both.find(several[-1]) is None
    both.learn(several[-1], now=111.0)
    assert [data for data in several if both.find(data)] == [several[-1]]


@pytest.mark.parametrize("name", [b"User-Agent", b"Authorization", b"If-None-Match"])
def test_fields_that_are_kept_apart_count_twice(name: bytes, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(known_requests, "_MOST", 30_000)

    def most_known(name: bytes) -> int:
        both = Both()
        several = [request(HOST, b"%b: %b%d\r\n" % (name, b"x" * 2_000, number)) for number in range(20)]
        for data in several:
            both.learn(data)
        return sum(both.find(data) is not None for data in several)

    assert most_known(name) <= 30_000 / 4_000 < most_known(b"X-Other")


def test_while_there_is_no_room_fewer_are_looked_up_the_fewer_are_known(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(known_requests, "_MOST", 2_000)
    both = Both()
    known, unknown = (request(b"Host: %b\r\n" % host, ID) for host in (b"a", b"b"))

    def are_known(count: int) -> int:
        return sum(both.find(known) is not None for _ in range(count))

    both.learn(known)
    for _ in range(100):
        assert both.find(unknown) is None
    assert are_known(20) == 20  # there is room
    both.learn(known)
    for number in range(10):
        both.learn(request(b"Host: %d\r\n" % number, ID))
    assert both.find(unknown) is None
    assert are_known(20) == 19
    for _ in range(100):
        assert both.find(unknown) is None
    assert 5 <= are_known(20) < 20
    assert are_known(20) == 20


def test_what_has_come_with_the_next_request_is_not_remembered():
    both = Both()
    for data in (request(HOST) + request(HOST), request(HOST, ID) + b"GET /"):
        both.learn(data)
        assert both.find(data) is None


def test_a_long_request_is_not_remembered():
    both = Both()
    for more in (b"", ID):
        long = request(HOST, more, b"X-Long: %b\r\n" % (b"x" * 5_000))
        assert both.parse(long) is not None
        both.learn(long)
        assert both.find(long) is None
