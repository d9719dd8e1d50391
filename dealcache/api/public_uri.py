"""The URI of a request as its sender wrote it, which is what HubSpot signs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import quote

from dealcache.setting_values import Network

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: Scheme and host of a target in absolute form (RFC 9112, 3.2.2).
_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")

#: What may stand in a path without being encoded (RFC 3986, 3.3).
_PATH_SAFE = "/:@!$&'()*+,;=-._~"


def public_uri(environ: WSGIEnvironment, public_url: str | None, trusted: Iterable[Network]) -> str:
    """The full URI: scheme, host, path and query, path and query still encoded as they were sent.

    Args:
        environ: the request.
        public_url: scheme and host as the world sees them, perhaps with a path in front of ours; None if not known.
        trusted: the proxies that are believed about scheme and host when ``public_url`` is None.
    """
    return f"{public_url or _origin(environ, trusted)}{_target(environ)}"


def _target(environ: WSGIEnvironment) -> str:
    raw = environ.get("RAW_URI")
    if raw is None:  # PEP 3333 knows it only decoded
        path = quote((environ.get("SCRIPT_NAME", "") + environ["PATH_INFO"]).encode("latin-1"), safe=_PATH_SAFE)
        query = environ.get("QUERY_STRING", "")
        return f"{path}?{query}" if query else path
    target = _ORIGIN.sub("", str(raw), count=1) if not raw.startswith("/") else str(raw)
    return target if target.startswith("/") else f"/{target}"


def _origin(environ: WSGIEnvironment, trusted: Iterable[Network]) -> str:
    scheme = environ["wsgi.url_scheme"]
    host = environ.get("HTTP_HOST") or environ["SERVER_NAME"]
    if _is_trusted(environ.get("REMOTE_ADDR", ""), trusted):
        # A chain of proxies makes lists of these; the first of each is what the one in front was called by.
        forwarded = _first(environ.get("HTTP_X_FORWARDED_PROTO", "")).lower()
        scheme = forwarded if forwarded in {"http", "https"} else scheme
        host = _first(environ.get("HTTP_X_FORWARDED_HOST", "")) or host
    return f"{scheme}://{host}"


def _first(field: str) -> str:
    return field.partition(",")[0].strip()


def _is_trusted(peer: str, trusted: Iterable[Network]) -> bool:
    if not peer:
        return True  # a Unix socket: gunicorn trusts it too, for only this machine can reach it
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    return any(address in network for network in trusted)
