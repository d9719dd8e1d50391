"""Checks at start whether the hit lane can run: it needs internals of gunicorn, and a parser that may be missing."""

from __future__ import annotations

import os
from importlib import metadata
from typing import Any, NamedTuple

from gunicorn.http.message import Request
from gunicorn.http.unreader import IterUnreader
from packaging.specifiers import SpecifierSet

#: The versions with which the lane is tested. ``setup.cfg`` takes later ones too: with them the lane is off.
TESTED = {"gunicorn": SpecifierSet(">=27.0.1,<27.1"), "gunicorn_h1c": SpecifierSet(">=0.6.10,<0.7")}

#: Fields from which gunicorn takes the scheme of a trusted proxy.
SCHEME_FIELDS = frozenset({b"x-forwarded-protocol", b"x-forwarded-proto", b"x-forwarded-ssl"})


class ParserLimits(NamedTuple):
    """The server's limits in the order in which gunicorn_h1c's parser takes them, with its defaults.

    It takes them by position, which is quicker than by name.
    """

    limit_request_line: int = 8190
    limit_request_fields: int = 100
    limit_request_field_size: int = 8190
    permit_unconventional_http_method: bool = False
    permit_unconventional_http_version: bool = False


def missing() -> str | None:
    """Return what this machine lacks for the lane, or None."""
    for name, tested in TESTED.items():
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            return f"{name} is not installed"
        if version not in tested:
            return f"it is tested with {name} {tested}, and this is {version}"
    return None


def unsuitable(cfg: Any) -> str | None:
    """Return the part of gunicorn's configuration that the lane does not support, or None."""
    reasons = {
        "it does not support TLS": cfg.is_ssl,
        "it does not support HTTP/2": cfg.http_protocols != ["h1"],
        "it does not support the PROXY protocol": cfg.proxy_protocol != "off",
        "the protocol is not HTTP": cfg.protocol != "http",
        "http_parser is python": cfg.http_parser == "python",
        "header spaces or folding are permitted": cfg.strip_header_spaces or cfg.permit_obsolete_folding,
        "secure_scheme_headers names other fields": not SCHEME_FIELDS.issuperset(
            name.lower().encode() for name in cfg.secure_scheme_headers
        ),
        "SCRIPT_NAME is set": bool(os.environ.get("SCRIPT_NAME")),
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def parser_limits(cfg: Any) -> ParserLimits:
    """Return gunicorn's limits, as its own parser makes them out of the configuration."""
    request = Request(cfg, IterUnreader([b"GET / HTTP/1.1\r\n\r\n"]), None)
    return ParserLimits(
        request._fast_limit_request_line,
        request.limit_request_fields,
        request.limit_request_field_size,
        cfg.permit_unconventional_http_method,
        cfg.permit_unconventional_http_version,
    )
