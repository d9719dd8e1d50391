"""Permissions of callers."""

from __future__ import annotations

import pytest

from dealcache.api.access import Need, Tokens, need_of

READ, CLEAR = "/api/hubspot/deal-info", "/api/hubspot/clear-endpoint-cache"


@pytest.mark.parametrize(
    ("method", "path", "query", "need"),
    [
        ("GET", READ, {}, Need.READ),
        ("GET", READ, {"refresh": ["true"]}, Need.ADMIN),
        ("GET", READ, {"refresh": ["false"]}, Need.READ),
        ("GET", "/api/hubspot/v2/stages", {}, Need.READ),
        ("GET", "/api/hubspot/cache-stats", {}, Need.READ),
        ("DELETE", CLEAR, {}, Need.ADMIN),
        ("OPTIONS", CLEAR, {}, Need.NOTHING),
        ("POST", "/api/hubspot/v2/sync", {}, Need.ADMIN),
        ("POST", "/api/hubspot/v2/sync/stage/date", {}, Need.ADMIN),
        ("GET", "/api/hubspot/v2/sync/jobs", {}, Need.READ),
        ("POST", "/api/hubspot/webhooks", {}, Need.NOTHING),
        ("POST", "/api/hubspot/webhooks", {"refresh": ["true"]}, Need.NOTHING),
        ("POST", "/api/hubspot/webhooks/", {}, Need.READ),
        ("GET", "/api/nowhere", {}, Need.READ),
        ("GET", "/ws/deal-updates", {}, Need.READ),
        ("GET", "/api/docs", {}, Need.NOTHING),
        ("GET", "/api/docs/assets/start.js", {}, Need.NOTHING),
        ("GET", "/api/openapi.json", {}, Need.NOTHING),
        ("GET", "/healthz", {}, Need.NOTHING),
        ("GET", "/metrics", {}, Need.NOTHING),
    ],
)
def test_what_a_request_needs(method, path, query, need):
    assert need_of(method, path, query) is need


#: Which status each token gets for a read and for a clear, by the tokens that are set.
MATRIX = [
    (None, None, None, None, None),
    (None, None, "Bearer x", None, None),
    ("api", None, None, 401, 401),
    ("api", None, "Bearer x", 401, 401),
    ("api", None, "Bearer api", None, None),
    (None, "admin", None, None, 401),
    (None, "admin", "Bearer x", None, 401),
    (None, "admin", "Bearer admin", None, None),
    ("api", "admin", None, 401, 401),
    ("api", "admin", "Bearer api", None, 403),
    ("api", "admin", "Bearer admin", None, None),
    ("api", "admin", "bearer  admin ", None, None),
    ("api", "admin", "Basic api", 401, 401),
    ("api", "admin", "Bearer", 401, 401),
    ("api", "admin", "Bearer apix", 401, 401),
    ("api", "admin", "Bearer \xe9", 401, 401),
]


@pytest.mark.parametrize(("api", "admin", "header", "read", "clear"), MATRIX)
def test_tokens(api, admin, header, read, clear):
    tokens = Tokens(api, admin)
    assert tokens.refusal(Need.READ, header) == read
    assert tokens.refusal(Need.ADMIN, header) == clear
    assert tokens.refusal(Need.NOTHING, header) is None
