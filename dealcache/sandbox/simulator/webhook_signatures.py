"""HubSpot's signatures of webhook requests.

Source: HubSpot, request validation guide.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import Literal

Version = Literal["v1", "v3", "both"]

#: The percent-encoded characters that a URI is signed with decoded; all others stay as they are.
_DECODED = {
    "%3A": ":",
    "%2F": "/",
    "%3F": "?",
    "%40": "@",
    "%21": "!",
    "%24": "$",
    "%27": "'",
    "%28": "(",
    "%29": ")",
    "%2A": "*",
    "%2C": ",",
    "%3B": ";",
}
_ENCODED = re.compile("|".join(_DECODED), re.IGNORECASE)


def signature_headers(version: Version, secret: str, uri: str, body: bytes, timestamp: int) -> dict[str, str]:
    """The headers that prove that a POST comes from HubSpot.

    Args:
        version: which signature, or both.
        secret: the app's client secret.
        uri: the whole URL that is posted to.
        body: the request's body.
        timestamp: milliseconds since 1970.
    """
    headers = {}
    if version in ("v1", "both"):
        headers["X-HubSpot-Signature"] = hashlib.sha256(secret.encode() + body).hexdigest()
        headers["X-HubSpot-Signature-Version"] = "v1"
    if version in ("v3", "both"):
        headers["X-HubSpot-Signature-v3"] = _sign_v3(secret, uri, body, timestamp)
        headers["X-HubSpot-Request-Timestamp"] = str(timestamp)
    return headers


def _sign_v3(secret: str, uri: str, body: bytes, timestamp: int) -> str:
    decoded = _ENCODED.sub(lambda match: _DECODED[match[0].upper()], uri)
    message = f"POST{decoded}".encode() + body + str(timestamp).encode()
    return base64.b64encode(hmac.new(secret.encode(), message, hashlib.sha256).digest()).decode()
