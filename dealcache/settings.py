"""The environment, parsed and checked once at start.

Each variable of the contract is one row of :data:`VARIABLES`; README's table is checked against it by a test. A value
that cannot be used raises :class:`SettingsError`, whose message is the one line that the operator sees.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri


class SettingsError(ValueError):
    """A variable of the environment holds what it may not hold; the message is one line and masks secrets."""


class _NotAllowedError(ValueError):
    """What a parser raises; turned into a :class:`SettingsError` that names the variable."""


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable.

    Args:
        name: as it stands in the environment.
        default: used when the variable is missing or empty; None where the contract says "none".
        parse: from the text to the value; raises ValueError for what it does not take.
        may_hold: the end of the sentence "it may hold …", shown to the operator.
        secret: whether its text must never be shown.
    """

    name: str
    default: Any
    parse: Callable[[str], Any]
    may_hold: str
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that the environment decides, typed. Durations are seconds, sizes are bytes."""

    hubspot_access_token: str
    hubspot_base_url: str
    hubspot_api_version: str
    hubspot_deadline_seconds: float
    mongodb_uri: str
    mongodb_database: str
    cache_ttl_seconds: float
    cache_max_bytes: int
    stale_if_error_seconds: float
    negative_ttl_seconds: float
    timeline_timezone: ZoneInfo
    api_token: str | None
    admin_token: str | None
    cors_origins: frozenset[str]
    bind: str
    web_concurrency: int
    threads: int
    log_format: str | None
    log_level: str

    def __repr__(self) -> str:
        """Only the harmless half: a settings object must be safe to print."""
        return f"Settings(bind={self.bind!r}, web_concurrency={self.web_concurrency}, threads={self.threads})"

    @property
    def hubspot_loads(self) -> int:
        """How many deals may be loaded from HubSpot at once: three quarters of the threads.

        More would not be quicker: the smallest of HubSpot's limits lets about one cold deal a second through.
        """
        return max(1, self.threads * 3 // 4)

    @property
    def hubspot_waiting_threads(self) -> int:
        """How many threads may wait for a load, their own or another one's."""
        return waiting_threads(self.threads)


def waiting_threads(threads: int) -> int:
    """How many threads beside the working ``threads`` a worker has for those who wait for HubSpot.

    A waiting thread costs memory but no processor. With places of their own, all readers of a cold deal can wait for
    its one load, and there are still ``threads`` left for everybody else.
    """
    return threads * 4


def _number(least: float, whole: bool) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        value = int(text) if whole else float(text)
        if not least <= value < 1e15:
            raise _NotAllowedError
        return value

    return parse


def _one_of(*allowed: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        for value in allowed:
            if text.lower() == value.lower():
                return value
        raise _NotAllowedError

    return parse


def _is_http(parts: SplitResult) -> bool:
    # Looking at the port is what checks it: it raises ValueError when it is none.
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0


def _http_url(text: str) -> str:
    parts = urlsplit(text)
    if not _is_http(parts) or parts.query or parts.fragment:
        raise _NotAllowedError
    return text.rstrip("/")


def _address(text: str) -> str:
    """Where to listen: ``host:port``, ``[address]:port`` or ``unix:/path``."""
    host, _, port = text.rpartition(":")
    if text.startswith("unix:/"):
        return text
    if not re.fullmatch(r"[\w.-]+|\[[0-9A-Fa-f:.]+\]", host) or not re.fullmatch(r"[0-9]{1,5}", port):
        raise _NotAllowedError
    if int(port) > 65535:
        raise _NotAllowedError
    return text


def _origins(text: str) -> frozenset[str]:
    origins = [part.strip() for part in text.split(",") if part.strip()]
    for origin in origins:
        parts = urlsplit(origin)
        if origin != "*" and (not _is_http(parts) or parts.path):
            raise _NotAllowedError
    return frozenset(origins)


def _timezone(text: str) -> ZoneInfo:
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise _NotAllowedError from error


def _matching(pattern: str) -> Callable[[str], str]:
    compiled = re.compile(pattern)

    def parse(text: str) -> str:
        if not compiled.fullmatch(text):
            raise _NotAllowedError
        return text

    return parse


def _mongodb_uri(text: str) -> str:
    if text.startswith("mongodb+srv://"):
        return text  # parsing it would ask DNS, which may be down while we start
    try:
        parse_uri(text, validate=False)
    except PyMongoError as error:
        raise _NotAllowedError from error
    return text


_TOKEN = _matching(r"[\x21-\x7e]+")
_PRINTABLE = "printable ASCII characters without spaces"

VARIABLES: tuple[Variable, ...] = (
    Variable("HUBSPOT_ACCESS_TOKEN", None, _TOKEN, _PRINTABLE, secret=True),
    Variable("HUBSPOT_BASE_URL", "https://api.hubapi.com", _http_url, "an http or https URL"),
    Variable("HUBSPOT_API_VERSION", "v3", _one_of("v3", "2026-09"), "v3 or 2026-09"),
    Variable("HUBSPOT_DEADLINE_SECONDS", 15.0, _number(0.1, whole=False), "seconds, at least 0.1"),
    Variable("MONGODB_URI", None, _mongodb_uri, "a valid mongodb:// or mongodb+srv:// URI", secret=True),
    Variable(
        "MONGODB_DATABASE",
        "dealcache",
        _matching(r"[A-Za-z0-9_-]{1,63}"),
        "1 to 63 letters, digits, '_' or '-'",
    ),
    Variable("CACHE_TTL_SECONDS", 600.0, _number(1, whole=False), "seconds, at least 1"),
    Variable("CACHE_MAX_BYTES", 268435456, _number(1024, whole=True), "bytes, at least 1024"),
    Variable("STALE_IF_ERROR_SECONDS", 86400.0, _number(0, whole=False), "seconds, at least 0"),
    Variable("NEGATIVE_TTL_SECONDS", 30.0, _number(0, whole=False), "seconds, at least 0"),
    Variable("TIMELINE_TIMEZONE", ZoneInfo("UTC"), _timezone, "an IANA time zone such as Europe/Berlin"),
    Variable("API_TOKEN", None, _TOKEN, _PRINTABLE, secret=True),
    Variable("ADMIN_TOKEN", None, _TOKEN, _PRINTABLE, secret=True),
    Variable("CORS_ORIGINS", frozenset(), _origins, "origins such as https://ui.example.com, comma-separated"),
    Variable("BIND", "127.0.0.1:8000", _address, "host:port or unix:/path/of/a/socket"),
    Variable("WEB_CONCURRENCY", 1, _number(1, whole=True), "a whole number, at least 1"),
    Variable("THREADS", 16, _number(1, whole=True), "a whole number, at least 1"),
    Variable("LOG_FORMAT", None, _one_of("console", "json"), "console or json"),
    Variable(
        "LOG_LEVEL",
        "INFO",
        _one_of("DEBUG", "INFO", "WARNING", "ERROR"),
        "DEBUG, INFO, WARNING or ERROR",
    ),
)

#: Variables without which the service has nothing to read from.
_REQUIRED = {
    "HUBSPOT_ACCESS_TOKEN": "set it to a HubSpot private-app token",
    "MONGODB_URI": "set it to the MongoDB to use",
}


def _read(variable: Variable, environ: Mapping[str, str]) -> Any:
    text = environ.get(variable.name, "").strip()
    if not text:
        if variable.name in _REQUIRED:
            raise SettingsError(
                f"{variable.name} is not set: {_REQUIRED[variable.name]}, or use `make run`, which starts one"
            )
        return variable.default
    try:
        return variable.parse(text)
    except ValueError:
        # Credentials before an "@" are masked also where a URI stands in the wrong variable.
        shown = re.sub(r"//[^/@]*@", "//***@", text[:200])
        holds = "a value that is not shown" if variable.secret else repr(shown)
        raise SettingsError(f"{variable.name} holds {holds}; it may hold {variable.may_hold}") from None


def load_log_settings(environ: Mapping[str, str] = os.environ) -> tuple[str | None, str]:
    """``LOG_FORMAT`` and ``LOG_LEVEL`` alone, for the log that must work before and without everything else.

    Raises:
        SettingsError: one of them holds what it may not hold.
    """
    by_name = {variable.name: variable for variable in VARIABLES}
    return _read(by_name["LOG_FORMAT"], environ), _read(by_name["LOG_LEVEL"], environ)


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Read all variables.

    Args:
        environ: the environment, normally ``os.environ``.

    Returns:
        The settings, complete and checked.

    Raises:
        SettingsError: for the first variable that holds what it may not hold, in the order of :data:`VARIABLES`.
    """
    values = {variable.name.lower(): _read(variable, environ) for variable in VARIABLES}
    return Settings(**values)
