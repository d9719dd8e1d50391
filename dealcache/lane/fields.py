"""Which header fields of a request matter to a hit, and which make the request one for the ordinary way."""

from __future__ import annotations

from collections.abc import Iterable

#: Places of the fields that matter, in what :func:`fields_that_matter` returns.
AUTHORIZATION, IF_NONE_MATCH, ORIGIN, REQUEST_ID, _CACHE_CONTROL, _CONNECTION, _HOST, _SCHEME = range(8)
_COUNT = 8

#: Fields from which gunicorn takes the scheme of a trusted proxy. One alone changes nothing about a hit; of two it has
#: to be seen whether they contradict each other.
SCHEME_FIELDS = frozenset({b"x-forwarded-protocol", b"x-forwarded-proto", b"x-forwarded-ssl"})

#: A body, a wish, or another protocol: not for the lane.
_UNUSUAL = -1

_PLACES = {
    b"authorization": AUTHORIZATION,
    b"if-none-match": IF_NONE_MATCH,
    b"origin": ORIGIN,
    b"x-request-id": REQUEST_ID,
    b"cache-control": _CACHE_CONTROL,
    b"connection": _CONNECTION,
    b"host": _HOST,
    b"content-length": _UNUSUAL,
    b"content-type": _UNUSUAL,
    b"transfer-encoding": _UNUSUAL,
    b"expect": _UNUSUAL,
    b"upgrade": _UNUSUAL,
    **dict.fromkeys(SCHEME_FIELDS, _SCHEME),
}

#: What :func:`_place_of` has said of names as they were written, of so many at most, and of one that is not among them.
_spellings: dict[bytes, int | None] = {}
_MOST_SPELLINGS = 1000
_UNHEARD = -2

Fields = Iterable[tuple[bytes, bytes]]


def fields_that_matter(fields: Fields) -> list[bytes | None] | None:
    """The values of the fields that matter, each at its place; None for a request that is unusual.

    Unusual is a field that matters and is there twice, one with an underscore, whose name gunicorn would have to
    judge, one that announces a body, and the wish to end the connection or to go past the cache.

    Args:
        fields: names, in any case, and values.
    """
    values: list[bytes | None] = [None] * _COUNT
    known = _spellings.get
    for name, value in fields:
        place = known(name, _UNHEARD)
        if place == _UNHEARD:
            place = _place_of(name)
        if place is None:
            continue
        if place == _UNUSUAL or values[place] is not None:
            return None
        values[place] = value
    connection, cache_control = values[_CONNECTION], values[_CACHE_CONTROL]
    if connection is not None and connection.lower() != b"keep-alive":
        return None
    if cache_control is not None and b"no-cache" in cache_control.lower():
        return None
    return values


def _place_of(name: bytes) -> int | None:
    """Where a field's value goes, by its name in any case; None for a field that changes nothing."""
    place = _UNUSUAL if b"_" in name else _PLACES.get(name.lower())
    if len(_spellings) < _MOST_SPELLINGS:
        _spellings[name] = place
    return place


def value_of(fields: Fields, name: bytes) -> str:
    """The value of the field ``name``, given in lower case; ``-`` when there is none, joined when there are several."""
    return ",".join(value.decode("latin-1") for one, value in fields if one.lower() == name) or "-"
