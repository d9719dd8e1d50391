"""The environment, parsed and checked once at start.

Each variable of the contract is one row of :data:`VARIABLES`; a test compares them with the table in
docs/configuration.md. A value that cannot be used raises :class:`SettingsError`, whose message is the one line that the
operator sees.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from dealcache.setting_values import (
    Affinity,
    Network,
    address,
    affinity,
    http_url,
    matching,
    mongodb_uri,
    networks,
    number,
    one_of,
    origins,
    property_names,
    public_url,
    redis_url,
    timezone,
)


class SettingsError(ValueError):
    """A variable of the environment holds an invalid value; the message is one line and masks secrets."""


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable.

    Args:
        name: as it stands in the environment.
        default: used when the variable is missing or empty; None where the contract says "none".
        parse: converts the text to the value; raises ValueError for an invalid one.
        may_hold: the end of the sentence "it may hold …", shown to the operator.
        secret: True if its text must never be shown.
    """

    name: str
    default: Any
    parse: Callable[[str], Any]
    may_hold: str
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of the environment, typed. Durations are seconds, sizes are bytes."""

    hubspot_access_token: str
    hubspot_base_url: str
    hubspot_api_version: str
    hubspot_deadline_seconds: float
    hubspot_client_secret: str | None
    hubspot_deal_properties: tuple[str, ...]
    public_url: str | None
    forwarded_allow_ips: tuple[Network, ...]
    mongodb_uri: str
    mongodb_database: str
    redis_url: str | None
    cache_ttl_seconds: float
    cache_max_bytes: int
    stale_if_error_seconds: float
    negative_ttl_seconds: float
    timeline_timezone: ZoneInfo
    max_data_age_seconds: float
    stage_history: str
    associated_names: str
    console: str
    sync_interval_seconds: float
    sync_horizon_seconds: float
    sync_confirm_seconds: float
    sync_reread_calls: int
    api_token: str | None
    admin_token: str | None
    cors_origins: frozenset[str]
    bind: str
    web_concurrency: int
    threads: int
    hit_lane: str
    cpu_affinity: Affinity
    log_format: str | None
    log_level: str

    def __repr__(self) -> str:
        """Leave secrets out: a settings object must be safe to print."""
        return f"Settings(bind={self.bind!r}, web_concurrency={self.web_concurrency}, threads={self.threads})"

    @property
    def hubspot_loads(self) -> int:
        """The most deals to load from HubSpot at once: three quarters of the threads.

        More would not be quicker: the smallest of HubSpot's limits allows about one cold deal a second.
        """
        return max(1, self.threads * 3 // 4)

    @property
    def hubspot_waiting_threads(self) -> int:
        """The most threads that may wait for a load, their own or another one's."""
        return waiting_threads(self.threads)


def waiting_threads(threads: int) -> int:
    """Return how many threads a worker has, beside the working ``threads``, for requests that wait for HubSpot.

    A waiting thread costs memory but no processor time. With threads of their own, all readers of a cold deal can wait
    for its one load, and ``threads`` remain for all other requests.
    """
    return threads * 4


_TOKEN = matching(r"[\x21-\x7e]+")
_YEAR = 31_536_000
_PRINTABLE = "printable ASCII characters without spaces"

VARIABLES: tuple[Variable, ...] = (
    Variable("HUBSPOT_ACCESS_TOKEN", None, _TOKEN, _PRINTABLE, secret=True),
    Variable("HUBSPOT_BASE_URL", "https://api.hubapi.com", http_url, "an http or https URL"),
    Variable("HUBSPOT_API_VERSION", "v3", one_of("v3", "2026-09"), "v3 or 2026-09"),
    Variable("HUBSPOT_DEADLINE_SECONDS", 15.0, number(0.1, whole=False, most=3600), "0.1 to 3600 seconds"),
    Variable("HUBSPOT_CLIENT_SECRET", None, _TOKEN, _PRINTABLE, secret=True),
    Variable(
        "HUBSPOT_DEAL_PROPERTIES",
        (),
        property_names,
        "up to 50 internal names of deal properties such as hs_priority, comma-separated",
    ),
    Variable(
        "PUBLIC_URL",
        None,
        public_url,
        "an http or https URL: scheme, host, and no more than a path, such as https://deals.example.com",
    ),
    Variable(
        "FORWARDED_ALLOW_IPS",
        networks("127.0.0.1,::1"),
        networks,
        "IP addresses or networks such as 10.0.0.0/8, comma-separated, or *",
    ),
    Variable("MONGODB_URI", None, mongodb_uri, "a valid mongodb:// or mongodb+srv:// URI", secret=True),
    Variable("MONGODB_DATABASE", "dealcache", matching(r"[A-Za-z0-9_-]{1,63}"), "1 to 63 letters, digits, '_' or '-'"),
    Variable(
        "REDIS_URL",
        None,
        redis_url,
        "a redis://, rediss:// or unix:// URL such as redis://10.0.0.5:6379/0",
        secret=True,
    ),
    Variable("CACHE_TTL_SECONDS", 600.0, number(1, whole=False, most=_YEAR), "1 to 31536000 seconds"),
    Variable("CACHE_MAX_BYTES", 268435456, number(1024, whole=True), "bytes, at least 1024"),
    Variable("STALE_IF_ERROR_SECONDS", 86400.0, number(0, whole=False, most=_YEAR), "0 to 31536000 seconds"),
    Variable("NEGATIVE_TTL_SECONDS", 30.0, number(0, whole=False, most=_YEAR), "0 to 31536000 seconds"),
    Variable("TIMELINE_TIMEZONE", ZoneInfo("UTC"), timezone, "an IANA time zone such as Europe/Berlin"),
    Variable("MAX_DATA_AGE_SECONDS", 3600.0, number(0, whole=False, most=_YEAR), "0 to 31536000 seconds"),
    Variable("STAGE_HISTORY", "off", one_of("on", "off"), "on or off"),
    Variable("ASSOCIATED_NAMES", "off", one_of("on", "off"), "on or off"),
    Variable("CONSOLE", "on", one_of("on", "off"), "on or off"),
    Variable(
        "SYNC_INTERVAL_SECONDS",
        0.0,
        number(5, whole=False, most=_YEAR, or_zero=True),
        "0, or 5 to 31536000 seconds",
    ),
    Variable("SYNC_HORIZON_SECONDS", 300.0, number(0, whole=False, most=_YEAR), "0 to 31536000 seconds"),
    Variable("SYNC_CONFIRM_SECONDS", 60.0, number(0, whole=False, most=_YEAR), "0 to 31536000 seconds"),
    Variable("SYNC_REREAD_CALLS", 10000, number(0, whole=True), "a whole number, at least 0"),
    Variable("API_TOKEN", None, _TOKEN, _PRINTABLE, secret=True),
    Variable("ADMIN_TOKEN", None, _TOKEN, _PRINTABLE, secret=True),
    Variable("CORS_ORIGINS", frozenset(), origins, "origins such as https://ui.example.com, comma-separated"),
    Variable("BIND", "127.0.0.1:8000", address, "host:port or unix:/path/of/a/socket"),
    Variable("WEB_CONCURRENCY", 1, number(1, whole=True, most=256), "a whole number from 1 to 256"),
    Variable("THREADS", 16, number(1, whole=True, most=1024), "a whole number from 1 to 1024"),
    Variable("HIT_LANE", "on", one_of("on", "off"), "on or off"),
    Variable("CPU_AFFINITY", "auto", affinity, "auto, off, or numbers of cores that the service may use, such as 0,1"),
    Variable("LOG_FORMAT", None, one_of("console", "json"), "console or json"),
    Variable("LOG_LEVEL", "INFO", one_of("DEBUG", "INFO", "WARNING", "ERROR"), "DEBUG, INFO, WARNING or ERROR"),
)

#: Variables without which the service has nothing to read from, and what to do about each.
REQUIRED = {
    "HUBSPOT_ACCESS_TOKEN": "set it to a HubSpot private-app token",
    "MONGODB_URI": "set it to the MongoDB to use",
}


def read(variable: Variable, environ: Mapping[str, str]) -> Any:
    """Return the value of one variable, its default if it is missing or empty.

    Raises:
        SettingsError: it holds an invalid value.
    """
    text = environ.get(variable.name, "").strip()
    if not text:
        return variable.default
    try:
        return variable.parse(text)
    except ValueError:
        holds = "a value that is not shown" if variable.secret else repr(without_credentials(text)[:200])
        raise SettingsError(f"{variable.name} holds {holds}; it may hold {variable.may_hold}") from None


def without_credentials(text: str) -> str:
    """Return ``text`` with credentials of URIs and HubSpot's tokens masked: they may stand in the wrong variable."""
    return re.sub(r"\bpat-[a-z]{2,}[0-9]*-[\w-]+", "pat-***", re.sub(r"(?s)//.*@", "//***@", text))


def load_log_settings() -> tuple[str | None, str]:
    """Return ``LOG_FORMAT`` and ``LOG_LEVEL`` alone, for the log that must work before and without everything else.

    Raises:
        SettingsError: one of them holds an invalid value.
    """
    by_name = {variable.name: variable for variable in VARIABLES}
    return read(by_name["LOG_FORMAT"], os.environ), read(by_name["LOG_LEVEL"], os.environ)


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Return the settings of an environment, complete and checked.

    Raises:
        SettingsError: for the first variable with an invalid value, in the order of :data:`VARIABLES`, or else for the
            first one that is missing.
    """
    values = {variable.name: read(variable, environ) for variable in VARIABLES}
    for name, remedy in REQUIRED.items():
        if values[name] is None:
            raise SettingsError(f"{name} is not set: {remedy}, or try `dealcache demo`, which needs neither")
    return Settings(**{name.lower(): value for name, value in values.items()})
