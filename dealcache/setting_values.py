"""Parsers of environment variables; each raises ValueError for an invalid text. ``VARIABLES`` names that of each."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any, Literal
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri

#: Which cores workers go to: each to the least used one of those that may be used, to these in turn, or to any.
Affinity = Literal["auto", "off"] | tuple[int, ...]

#: A range of IP addresses.
Network = IPv4Network | IPv6Network

#: The most own properties of deals, and the names that HubSpot gives to properties (guide "Properties").
_MOST_PROPERTIES = 50
_PROPERTY_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")


def number(least: float, whole: bool, most: float = 1e15, *, or_zero: bool = False) -> Callable[[str], Any]:
    """Return a parser of numbers from ``least`` to ``most``, whole ones only or any, and perhaps of 0 for "off"."""

    def parse(text: str) -> Any:
        value = int(text) if whole else float(text)
        if not (least <= value <= most or (or_zero and value == 0)):
            raise ValueError
        return value

    return parse


def one_of(*allowed: str) -> Callable[[str], str]:
    """Return a parser of some words, in any case."""

    def parse(text: str) -> str:
        for value in allowed:
            if text.lower() == value.lower():
                return value
        raise ValueError

    return parse


def affinity(text: str) -> Affinity:
    """Parse ``auto``, ``off``, or comma-separated numbers of cores."""
    if text.lower() in ("auto", "off"):
        return "auto" if text.lower() == "auto" else "off"
    return tuple(int(number) for number in text.split(","))


def _is_http(parts: SplitResult) -> bool:
    # Reading the port checks it: it raises ValueError when it is none.
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0


def http_url(text: str) -> str:
    """Parse an http or https URL without a query; a slash at its end is dropped."""
    parts = urlsplit(text)
    if not _is_http(parts) or parts.query or parts.fragment:
        raise ValueError
    return text.rstrip("/")


def public_url(text: str) -> str:
    """Parse scheme and host, perhaps with a path in front of ours; a slash at its end is dropped."""
    parts = urlsplit(text)
    # Only what can stand in a request line: HubSpot signs the URL as it is written.
    if "@" in parts.netloc or not re.fullmatch(r"[\x21-\x7e]+", text):
        raise ValueError
    return http_url(text)


def networks(text: str) -> tuple[Network, ...]:
    """Parse comma-separated IP addresses and networks, or ``*`` for all, as gunicorn does.

    Source: gunicorn's setting ``forwarded_allow_ips``, which reads the same variable.
    """
    parts = [part.strip() for part in text.split(",") if part]
    all_of_them = (ip_network("0.0.0.0/0"), ip_network("::/0"))
    return tuple(one for part in parts for one in (all_of_them if part == "*" else (ip_network(part),)))


def address(text: str) -> str:
    """Parse an address to listen on: ``host:port``, ``[address]:port`` or ``unix:/path``."""
    host, _, port = text.rpartition(":")
    if text.startswith("unix:/"):
        return text
    if not re.fullmatch(r"[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\]", host) or not re.fullmatch(r"[0-9]{1,5}", port):
        raise ValueError
    if int(port) > 65535:
        raise ValueError
    return text


def is_loopback(bind: str) -> bool:
    """Return True if only this machine can reach an address of :func:`address`: a loopback one, or a Unix socket."""
    return bind.startswith("unix:") or is_loopback_host(bind.rpartition(":")[0].strip("[]"))


def is_loopback_host(host: str) -> bool:
    """Return True if a name or an address means this machine (RFC 6761, 6.3; RFC 1122, 3.2.1.3; RFC 4291, 2.5.3)."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def origins(text: str) -> frozenset[str]:
    """Parse comma-separated origins of web pages, or ``*``."""
    listed = [part.strip() for part in text.split(",") if part.strip()]
    for origin in listed:
        parts = urlsplit(origin)
        more = parts.path or parts.query or parts.fragment or "@" in parts.netloc
        if origin != "*" and (not _is_http(parts) or more):
            raise ValueError
    return frozenset(listed)


def property_names(text: str) -> tuple[str, ...]:
    """Parse comma-separated internal names of HubSpot's properties, each of which counts once."""
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if len(names) > _MOST_PROPERTIES or not all(_PROPERTY_NAME.fullmatch(name) for name in names):
        raise ValueError
    return names


def timezone(text: str) -> ZoneInfo:
    """Parse an IANA time zone."""
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError from error


def matching(pattern: str) -> Callable[[str], str]:
    """Return a parser of texts that match all of ``pattern``."""
    compiled = re.compile(pattern)

    def parse(text: str) -> str:
        if not compiled.fullmatch(text):
            raise ValueError
        return text

    return parse


def mongodb_uri(text: str) -> str:
    """Parse a URI that PyMongo can use."""
    if text.startswith("mongodb+srv://"):
        return text  # parsing it would ask DNS, which may be down while we start
    try:
        parse_uri(text, validate=False)
    except PyMongoError as error:
        raise ValueError from error
    return text


def redis_url(text: str) -> str:
    """Parse a URL that redis-py can use: ``redis://``, ``rediss://`` (TLS) or ``unix://``."""
    parts = urlsplit(text)
    # Reading the port checks it: it raises ValueError when it is none.
    reachable = parts.path if parts.scheme == "unix" else parts.hostname and parts.port != 0
    if parts.scheme not in {"redis", "rediss", "unix"} or not reachable:
        raise ValueError
    return text
