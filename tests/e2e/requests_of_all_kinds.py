"""Strategies for bytes that clients send over one connection: plain requests, odd ones, and attacks.

What is generated ends at some time: a client sends all of it, says that it has no more, and reads to the end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise, permutations
from typing import NamedTuple
from urllib.parse import quote

from hypothesis import strategies as st

from tests.e2e.programs import ACME

API = "api-token-for-the-lane"
ORIGIN = "https://ui.example.com"
COLD = "Nobody's deal"
BASE = "/api/hubspot/"
VIEWS = ("deal-info", "deal-timeline", "deal-activities-count")


class Script(NamedTuple):
    """The bytes that a client sends, in the pieces in which it sends them."""

    pieces: tuple[bytes, ...]


def spelled(name: str, how: str) -> str:
    """A deal's name in one of the ways in which it may stand in a target."""
    octets = name.encode()
    if how == "every byte":
        return "".join(f"%{octet:02x}" for octet in octets)
    if how == "plus":
        return quote(name).replace("%20", "+")
    return quote(name, safe="'" if how == "quote" else "")


names = st.builds(
    spelled,
    st.sampled_from([ACME] * 4 + [ACME.upper(), f" {ACME} ", COLD, "", "x" * 600]),
    st.sampled_from(["percent", "plus", "every byte", "quote"]),
)
parameters = st.builds("dealName={}".format, names) | st.sampled_from(
    ["dealId=1", "dealId=x", "refresh=false", "refresh=true", "limit=3", "types=Call", "", "%zz=1", "deal%4Eame=x", "x"]
)
queries = st.just(f"dealName={quote(ACME)}") | st.lists(parameters, max_size=3).map("&".join)
hits = st.builds("{}{}?{}".format, st.just(BASE), st.sampled_from(VIEWS), queries)
#: Forms of a target that are not quite the usual one, each around a usual one.
ODD_TARGETS = (
    *("http://localhost{}", "HTTP://other.example.com:80{}", "/{}", "//localhost{}", "/.{}", "/api/..{}", ";{}"),
    *("{}#top", "{}&dealName=%ff", "{}&a\x01b", "{}\x7f", "{}?", "{} x", "{}&é", "{}&", "{}&x"),
    *("//{}", "/%2F{}", "/api%2F..{}", "{}/", "/api//hubspot/deal-info?dealName=Acme+renewal", "//metrics", "///"),
    *("/%2Fmetrics", "metrics", "/metrics/", "/metrics%00", "http:///healthz", "http://localhost//metrics", "//"),
    *("/api/hubspot/v2/deal-info%2f?dealName=Acme+renewal", "/api/docs/assets/..%2F..%2Fspec.py", "http://localhost"),
    *("*", "localhost:80", "", "/healthz", "/api/hubspot/v2/deal-info?dealName=Acme%20renewal"),
    "/api/hubspot/deal%2Dinfo?dealName=Acme+renewal",
)
odd_targets = st.builds(lambda form, hit: form.format(hit), st.sampled_from(ODD_TARGETS), hits)
targets = st.one_of(hits, hits, hits, odd_targets)
METHODS = ("GET", "HEAD", "POST", "OPTIONS", "get", "GET ", "G\tET", "DELETE", "FOO", "")
methods = st.sampled_from(("GET",) * 12 + ("HEAD",) * 3 + METHODS)
VERSIONS = ("HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "HTTP/1.2", "http/1.1", "HTTP/1.1 ", "HTTP/11", "")
versions = st.sampled_from(("HTTP/1.1",) * 12 + VERSIONS)
request_lines = st.builds("{} {} {}".format, methods, targets, versions)
likely_hits = st.builds("{}{}?dealName={}".format, st.just(BASE), st.sampled_from(VIEWS), st.just(quote(ACME)))

#: Fields whose values matter, each with values that are plain, odd or wrong.
FIELDS: dict[str, Sequence[str]] = {
    "If-None-Match": ["*", '"nothing"', "W/{etag}", "{etag}", '"a", {etag}', "{etag},", "", "rubbish"],
    "Origin": [ORIGIN, "https://evil.example.com", "null", ""],
    "X-Request-ID": ["abc-123", "not sane", "", "x" * 200, "a\tb"],
    "Cache-Control": ["max-age=0", "no-cache", "NO-CACHE", "no-store, no-cache", "private"],
    "Connection": [
        "keep-alive",
        "Keep-Alive",
        "close",
        "CLOSE",
        "keep-alive, close",
        "upgrade",
        "",
        "x",
        " keep-alive ",
    ],
    "Expect": ["100-continue", "100-Continue", "200-ok", ""],
    "Content-Length": ["0", "00", "+0", "-0", "0, 0", "5", "x", "", "0x0", "1e0"],
    "Transfer-Encoding": ["chunked", "identity", "gzip, chunked", "chunked, chunked", "xchunked", "", "br"],
    "X-Forwarded-Proto": ["https", "http", "HTTPS", ""],
    "X-Forwarded-Ssl": ["on", "off"],
    "X-Forwarded-For": ["10.0.0.1"],
    "Authorization": ["Bearer no", "Basic x", "", "bearer"],
    "Upgrade": ["websocket", "h2c"],
    "HTTP2-Settings": ["AAMAAABkAARAAAAAAAIAAAAA"],
    "TE": ["trailers"],
    "Trailer": ["Host"],
    "Range": ["bytes=0-3"],
    "If-Modified-Since": ["Sat, 01 Jan 2050 00:00:00 GMT"],
    "If-Match": ['"nothing"'],
    "Content-Type": ["application/json"],
    "Accept": ["*/*", "text/html"],
    "Accept-Encoding": ["gzip", "identity;q=0"],
    "Host": ["other.example.com", "", "a b", "x:y:z"],
    "Script_Name": ["/api"],
    "X_Forwarded_Proto": ["https"],
    "SCRIPT_NAME": ["/x", "/", "/api/hubspot"],
    "Script-Name": ["/x"],
    "PATH_INFO": ["/healthz"],
    "Path_Info": ["/healthz"],
    "REMOTE_USER": ["root"],
    "REMOTE_ADDR": ["10.0.0.1"],
    "wsgi_url_scheme": ["https"],
    "X-Forwarded-Prefix": ["/x"],
    "X_Request_ID": ["not-mine"],
    "Content_Length": ["5"],
    "X-HTTP-Method-Override": ["DELETE"],
    "X-Odd": ["a\x00b", "a\x0bb", "é", " spaced ", "a" * 9000, "a\rb"],
    "X Space": ["x"],
    "": ["no name"],
}
cases = st.sampled_from([str, str, str.lower, str.upper, str.swapcase])
colons = st.sampled_from([": "] * 12 + [":", ":  ", " : ", ":\t", "\t: "])
folds = st.sampled_from([""] * 20 + ["\r\n folded", "\r\n\tfolded"])


@st.composite
def fields(draw: st.DrawFn, etag: str) -> str:
    """One header line, without its end."""
    name = draw(st.sampled_from(list(FIELDS)))
    value = draw(st.sampled_from(FIELDS[name])).format(etag=etag)
    return f"{draw(cases)(name)}{draw(colons)}{value}{draw(folds)}"


#: Lines with a request id, as the only difference between a request and the one before, and what may stand beside it.
ID_LINES = (
    *("X-Request-ID: abc", "x-request-id: abc", "X-Request-Id: abc", "X-REQUEST-ID: abc", "X_Request_ID: abc"),
    *("X-Request-ID: {longest}", "X-Request-ID: {longest}x", "X-Request-ID: ", "X-Request-ID:", "X-Request-ID:abc"),
    *("X-Request-ID:  abc", "X-Request-ID: abc ", "X-Request-ID: abc\t", "X-Request-ID:\tabc", "X-Request-ID : abc"),
    *("X-Request-ID: a b", "X-Request-ID: a,b", "X-Request-ID: a\x00b", "X-Request-ID: a\x7f", "X-Request-ID: é"),
    *("X-Request-ID: abc\r\n folded", "X-Request-ID: \r\n\tabc", "X-Request-ID: abc\nd", "X-Request-ID: abc\rd"),
    *("X-Request-ID: abc\r\nX-Request-ID: abc", "X-Request-ID: abc\r\nx-request-id: def", " X-Request-ID: abc"),
    *("X-Request-ID: abc\r\nX_Request_ID: def", "X-Odd: a\nX-Request-ID: abc", "X-Odd: X-Request-ID: abc"),
    *("X-Request-ID: abc\r\nContent-Length: 5", "X-Request-ID: abc\r\nTransfer-Encoding: chunked", "X-Request-ID"),
    *("X-Request-ID: abc\r\n", "\r\nX-Request-ID: abc", "X-Request-ID: abc\r\n\r\nGET /healthz HTTP/1.1"),
)
ids = st.sampled_from(["1", "abc-123", "d5a6e2f04b1c4f0e8a7b9c3d2e1f0a9b", "x" * 128, *ID_LINES]).map(
    lambda text: (text if "equest" in text else f"X-Request-ID: {text}").format(longest="x" * 128)
)

BODIES = (
    b"",
    b"",
    b"abcde",
    b"0\r\n\r\n",
    b"5\r\nabcde\r\n0\r\n\r\n",
    b"5\r\nabcde\r\n0\r\nHost: x\r\n\r\n",
    b"zz\r\n",
)
#: Known ways to have the server and what stands before it see different requests in the same bytes.
SMUGGLED = (
    "GET {hit} HTTP/1.1\r\nHost: a\r\nContent-Length: 44\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET {hit} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\nContent-Length: 3\r\n\r\nabc",
    "GET {hit} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "GET {hit} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-encoding: cow\r\n\r\n0\r\n\r\n",
    "GET {hit} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 0\r\n\r\nGET /",
    "GET {hit} HTTP/1.1\r\nHost: a\r\nX: y\r\n Content-Length: 9\r\n\r\n",
    "GET {hit} HTTP/1.1\r\nHost: a\nContent-Length: 5\r\n\r\nabcde",
    "GET {hit} HTTP/1.1\nHost: a\n\nGET {hit} HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET {hit} HTTP/1.1\r\nHost: a\r\nContent-Length: 37\r\n\r\nGET /healthz HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET {hit} HTTP/1.1\r\n\r\nHost: a\r\n\r\n",
    "GET {hit} HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "GET {hit}\r\nGET {hit} HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET {hit} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\nGET {hit} HTTP/1.1\r\nHost: a\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nGET {hit} HTTP/1.1\r\nHost: a\r\n\r\n",
    "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nGET {hit} HTTP/1.1\r\nHost: a\r\n\r\n",
)


@st.composite
def requests(draw: st.DrawFn, etag: str) -> bytes:
    """One request, most often a plain one for a hit, with some odd lines."""
    if draw(st.integers(0, 15)) == 0:
        return draw(st.sampled_from(SMUGGLED)).replace("{hit}", draw(hits)).encode("latin-1")
    plain = draw(st.sampled_from(["line", "fields", "both", "nothing"]))
    lines = [f"GET {draw(likely_hits)} HTTP/1.1" if plain in ("line", "both") else draw(request_lines)]
    usual = ["Host: localhost", f"Authorization: Bearer {API}"]
    if plain in ("line", "nothing"):
        usual = ["Host: localhost"] * draw(st.sampled_from([1] * 9 + [0, 2]))
        usual += [f"Authorization: Bearer {API}"] * draw(st.sampled_from([1] * 12 + [0, 2]))
    more = st.lists(fields(etag), max_size=1 if plain in ("fields", "both") else 3)
    lines += draw(st.permutations(usual + draw(more)))
    lines += draw(st.lists(ids, max_size=1))
    end = draw(st.sampled_from(["\r\n"] * 30 + ["\n"]))
    before = draw(st.sampled_from([""] * 30 + ["\r\n", "\r\n\r\n", "\n", " "]))
    head = before + "".join(line + end for line in lines) + end
    body = draw(st.sampled_from(BODIES)) if "ontent" in head or "ransfer" in head else b""
    return head.encode("latin-1") + body


@st.composite
def scripts(draw: st.DrawFn, etag: str) -> Script:
    """One to four requests over one connection, sent in up to four pieces."""
    octets = b"".join(draw(st.lists(requests(etag), min_size=1, max_size=4)))
    cuts = draw(st.lists(st.integers(0, len(octets)), max_size=3))
    places = [0, *sorted(cuts), len(octets)]
    pieces = (octets[start:end] for start, end in pairwise(places))
    return Script(tuple(piece for piece in pieces if piece))


def oddities(etag: str) -> Iterator[bytes]:
    """Requests for a hit with one thing about each that is odd, or two of the same kind."""
    hit = f"{BASE}{VIEWS[0]}?dealName={quote(ACME)}"
    usual = f"Host: localhost\r\nAuthorization: Bearer {API}\r\n"
    lines = [f"{method} {hit} HTTP/1.1" for method in METHODS]
    lines += [f"GET {hit} {version}" for version in VERSIONS]
    lines += [f"GET {form.format(hit)} HTTP/1.1" for form in ODD_TARGETS]
    yield from (f"{line}\r\n{usual}\r\n".encode("latin-1") for line in lines)
    every = [f"{name}: {value.format(etag=etag)}\r\n" for name, values in FIELDS.items() for value in values]
    fields = [*every, *(one + one for one in every), *map("".join, permutations(_FORWARDED, 2))]
    for field in fields:
        bodies = sorted(set(BODIES)) if field.startswith(("Content-Length", "Transfer")) else [b""]
        yield from (f"GET {hit} HTTP/1.1\r\n{usual}{field}\r\n".encode("latin-1") + body for body in bodies)
    yield from (text.replace("{hit}", hit).encode("latin-1") for text in SMUGGLED)


def varied(place: int) -> Iterator[tuple[bytes, bytes]]:
    """A hit with an id of its own, and the same hit with each line of an id instead.

    Args:
        place: which of the header lines it is.
    """
    lines = ["Host: localhost", f"Authorization: Bearer {API}"]
    start, end = ("".join(f"{line}\r\n" for line in part) for part in (lines[:place], lines[place:]))
    head = f"GET {BASE}{VIEWS[0]}?dealName={quote(ACME)} HTTP/1.1\r\n{start}"
    first = f"{head}X-Request-ID: {'f' * 128}\r\n{end}\r\n".encode()
    for line in ID_LINES:
        yield first, f"{head}{line.format(longest='x' * 128)}\r\n{end}\r\n".encode("latin-1")


#: What proxies say of the scheme; some of it contradicts the rest.
_FORWARDED = [
    f"{name}: {value}\r\n"
    for name, values in FIELDS.items()
    if name in ("X-Forwarded-Proto", "X-Forwarded-Ssl")
    for value in values
]
