"""Tells whether a webhook delivery really comes from HubSpot, by its signature. Pure.

Source: HubSpot's page "Validating requests". Deliveries to a private app carry version 1, newer ones version 3 beside
it. Version 2 is for workflows and cards, which never call here.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass

#: How far a delivery's time stamp may be from now, either way, in milliseconds. HubSpot asks for 5 minutes into the
#: past; one far ahead of us would stay valid for as long as it is ahead.
_MOST_AGE_MS = 300_000

#: Milliseconds since 1970 in plain digits; 15 of them last for another 30,000 years.
_TIMESTAMP = re.compile(r"[0-9]{1,15}\Z")

# The twelve sequences that HubSpot decodes before it signs a URI: these and no others, each once, in one pass, so that
# "%253A" stays what it is. Lower-case digits count as well: "%3a" and "%3A" are equivalent (RFC 3986, 6.2.2.1), so a
# program on the way may have changed either into the other.
_DECODED = re.compile("%(3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Signed:
    """A delivery as received.

    Args:
        method: the HTTP method.
        uri: the full public URL with its query, still encoded as it was sent.
        body: the body as it came.
        v3: ``X-HubSpot-Signature-v3``, None when absent, like all that follow.
        timestamp: ``X-HubSpot-Request-Timestamp``.
        v1: ``X-HubSpot-Signature``.
        version: ``X-HubSpot-Signature-Version``.
    """

    method: str
    uri: str
    body: bytes
    v3: str | None = None
    timestamp: str | None = None
    v1: str | None = None
    version: str | None = None


def is_genuine(delivery: Signed, secret: str, now: float) -> bool:
    """Return True if ``delivery`` was signed with ``secret`` and, where that can be seen, is not a late repetition.

    If there is a version 3 signature, it alone decides: a valid version 1 beside a wrong version 3 does not help.

    Args:
        delivery: the delivery.
        secret: the app's client secret; nothing is genuine under an empty one.
        now: seconds since 1970.
    """
    if not secret:
        return False
    if delivery.v3 is not None:
        return _is_recent(delivery.timestamp, now) and _equal(_third(delivery, secret), delivery.v3)
    if delivery.v1 is None or delivery.version is None or delivery.version.strip().lower() != "v1":
        return False
    return _equal(hashlib.sha256(_raw(secret) + delivery.body).hexdigest(), delivery.v1)


def _is_recent(timestamp: str | None, now: float) -> bool:
    if timestamp is None or not _TIMESTAMP.match(timestamp):
        return False
    return abs(now * 1000 - int(timestamp)) <= _MOST_AGE_MS


def _third(delivery: Signed, secret: str) -> str:
    """Return the version 3 signature that ``delivery`` should have."""
    uri = _DECODED.sub(lambda found: chr(int(found[1], 16)), delivery.uri)
    message = _raw(delivery.method + uri) + delivery.body + _raw(delivery.timestamp or "")
    return base64.b64encode(hmac.digest(_raw(secret), message, "sha256")).decode()


def _equal(expected: str, given: str) -> bool:
    # As bytes: compare_digest accepts only ASCII in texts, and raises for anything else.
    return hmac.compare_digest(_raw(expected), _raw(given))


def _raw(text: str) -> bytes:
    """Return UTF-8, with the stray surrogates into which some servers turn invalid bytes."""
    return text.encode("utf-8", "surrogatepass")
