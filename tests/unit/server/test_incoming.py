"""Bodies are put together from any pieces, and what gunicorn's own reader refuses is refused."""

from __future__ import annotations

import gc
import io
import sys
from contextlib import suppress

import pytest
from gunicorn.config import Config
from gunicorn.http import errors
from gunicorn.http.parser import RequestParser
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.exceptions import RequestEntityTooLarge

from dealcache.server.incoming import Incoming

MOST = 1000


def incoming(head: bytes, more: bytes = b"") -> Incoming:
    return Incoming(Config(), head + b"\r\n\r\n" + more, ("127.0.0.1", 5))


def chunked() -> Incoming:
    return incoming(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked")


def of_length(length: int) -> Incoming:
    return incoming(b"POST / HTTP/1.1\r\nContent-Length: %d" % length)


def fed(one: Incoming, data: bytes, step: int) -> tuple[bytes, bytes] | None:
    """Return a body that comes in pieces of ``step`` bytes, and what follows it, pieces after its end included."""
    for place in range(0, len(data), step):
        if one.feed_data(data[place : place + step]):
            return one.request.body.read(), one.what_follows() + data[place + step :]
    return None


GOOD = {
    "nothing": (b"0\r\n\r\n", b""),
    "two chunks": (b"3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n", b"abc0123456789"),
    "zeros": (b"0003\r\nabc\r\n0000\r\n\r\n", b"abc"),
    "extensions": (b'3;a=b;c="d e" ; f\r\nabc\r\n0;x\r\n\r\n', b"abc"),
    "line ends inside": (b"6\r\n\r\n\r\n0\n\r\n0\r\n\r\n", b"\r\n\r\n0\n"),
    "trailers": (b"1\r\na\r\n0\r\nX-A: b\r\nX-C: d\r\n\r\n", b"a"),
}


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("name", GOOD)
def test_a_chunked_body_in_pieces(name, step):
    octets, content = GOOD[name]
    assert fed(chunked(), octets + b"GET /", step) == (content, b"GET /")


@pytest.mark.parametrize("octets", [b"5\r\nab", b"2\r\nab\r\n0\r\n\r\n", b"2\r\nabc"])
def test_a_chunked_body_is_freed_with_its_last_reference(octets):
    """A garbage collection may be a long time coming, and clients that leave meanwhile would fill the memory."""
    one = chunked()
    content = one._content
    gc.disable()
    try:
        with suppress(errors.ParseException):
            one.feed_data(octets)
        del one
        assert sys.getrefcount(content) == 2
    finally:
        gc.enable()


@pytest.mark.parametrize("form", ["of a known length", "chunked"])
def test_a_complete_body_is_kept_once(form):
    """Its request is kept until the answer has been sent, and so are those that wait for a thread."""
    one, octets = (chunked(), b"3\r\nabc\r\n0\r\n\r\n") if form == "chunked" else (of_length(3), b"abc")
    content = one._content
    gc.disable()
    try:
        assert one.feed_data(octets)
        assert sys.getrefcount(content) == 2
    finally:
        gc.enable()
    assert one.request.body.read() == b"abc"


BAD = {
    "no number": (b"zz\r\nabc\r\n0\r\n\r\n", errors.InvalidChunkSize),
    "negative": (b"-1\r\nabc\r\n0\r\n\r\n", errors.InvalidChunkSize),
    "plus": (b"+3\r\nabc\r\n0\r\n\r\n", errors.InvalidChunkSize),
    "prefix": (b"0x3\r\nabc\r\n0\r\n\r\n", errors.InvalidChunkSize),
    "underscore": (b"1_0\r\nabc\r\n0\r\n\r\n", errors.InvalidChunkSize),
    "blank": (b" 3\r\nabc\r\n0\r\n\r\n", errors.InvalidChunkSize),
    "empty": (b"\r\nabc\r\n0\r\n\r\n", errors.InvalidChunkSize),
    "no end of chunk": (b"3\r\nabcd\r\n0\r\n\r\n", errors.ChunkMissingTerminator),
    "half an end of chunk": (b"3\r\nabc\rX", errors.ChunkMissingTerminator),
    "bare line feed": (b"3\nabc\n0\n\n", errors.InvalidChunkSize),
    "bad extension": (b"3;=\r\nabc\r\n0\r\n\r\n", errors.InvalidChunkExtension),
    "forbidden trailer": (b"0\r\nHost: x\r\n\r\n", errors.InvalidHeaderName),
    "trailer without a colon": (b"0\r\nbroken\r\n\r\n", errors.InvalidHeader),
    "endless line": (b"1;" + b"a" * 9_000, errors.InvalidChunkSize),
    "endless trailers": (b"0\r\n" + b"X-A: b\r\n" * 9_000, errors.LimitRequestHeaders),
    "a chunk that is too large": (b"ffffffffffffffffffffffffffffffff\r\n", RequestEntityTooLarge),
    "too large in sum": (b"1f4\r\n" + b"a" * 500 + b"\r\n1f5\r\n", RequestEntityTooLarge),
    "more framing than content": (b"1;a=b\r\nx\r\n" * 200, RequestEntityTooLarge),
}


@pytest.mark.parametrize("step", [1, 5, 100_000])
@pytest.mark.parametrize("name", BAD)
def test_a_chunked_body_that_is_none(name, step, monkeypatch):
    monkeypatch.setattr("dealcache.server.incoming.most_bytes", lambda _path: MOST)
    octets, error = BAD[name]
    with pytest.raises(error):
        fed(chunked(), octets, step)


@pytest.mark.parametrize("step", [1, 4, 100])
def test_a_body_of_a_known_length(step):
    assert fed(of_length(7), b"1234567GET", step) == (b"1234567", b"GET")
    assert fed(of_length(7), b"123456", step) is None


lines = st.sampled_from(
    [b"0", b"1", b"3", b"a", b"00", b"1;x", b"3 ;x=y", b"zz", b"", b"-1", b"1\r", b"fffffffffffffffff"]
)
ends = st.sampled_from([b"\r\n"] * 8 + [b"\n", b"\r", b""])
parts = st.tuples(lines, ends, st.sampled_from([b"", b"a", b"abc", b"0123456789", b"X: y"]), ends).map(b"".join)
bodies = st.tuples(st.lists(parts, max_size=4).map(b"".join), st.sampled_from([b"0\r\n\r\n", b"\r\n", b""])).map(
    b"".join
)


@given(octets=bodies, step=st.integers(1, 9))
def test_gunicorn_sees_the_same_body(octets, step):
    head = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    parser = RequestParser(Config(), io.BytesIO(head + octets), ("::1", 1))
    try:
        theirs = next(parser).body.read()
    except (errors.ParseException, errors.NoMoreData):
        theirs = None
    try:
        ours = fed(chunked(), octets, step)
    except (errors.ParseException, RequestEntityTooLarge):
        ours = None
    assert (None if ours is None else ours[0]) == theirs


def test_a_request_is_there_when_its_body_is():
    one = incoming(b"POST /x HTTP/1.1\r\nContent-Length: 5", b"abc")
    assert not one.is_complete
    assert one.held == 3
    assert one.feed_data(b"deGET /y")
    assert one.held == 11
    assert one.request.body.read(2) == b"ab"
    assert one.what_follows() == b"GET /y"


def test_a_request_without_a_body_is_there_at_once():
    one = incoming(b"GET /x HTTP/1.1", b"GET /y")
    assert one.is_complete
    assert one.request.body.read() == b""
    assert one.what_follows() == b"GET /y"


@pytest.mark.parametrize(("version", "expects"), [(b"1.1", True), (b"1.0", False)])
def test_who_waits_to_be_told_is_told_once(version, expects):
    one = incoming(b"POST /x HTTP/%b\r\nExpect: 100-continue\r\nContent-Length: 5" % version)
    assert one.expects is expects
    assert not one.request._expected_100_continue


@pytest.mark.parametrize(("path", "most"), [(b"/x", 1 << 20), (b"/api/hubspot/webhooks", 8 << 20)])
def test_nothing_of_a_body_that_is_too_large_is_read(path, most):
    assert not incoming(b"POST %b HTTP/1.1\r\nContent-Length: %d" % (path, most)).is_complete
    one = incoming(b"POST %b HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: %d" % (path, most + 1), b"abc")
    assert one.is_complete
    assert one.request.should_close()
    assert not one.expects
    assert one.request.body.read() == b""


def test_more_fields_than_the_parser_can_hold_are_too_many():
    with pytest.raises(errors.LimitRequestHeaders):
        incoming(b"GET / HTTP/1.1" + b"\r\nX: y" * 300)


def test_trailers_are_for_the_request():
    one = chunked()
    assert one.feed_data(b"0\r\nX-A: b\r\n\r\n")
    assert one.request.trailers == [("X-A", "b")]
