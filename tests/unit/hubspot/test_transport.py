"""The influence of the environment on calls; the rest of the transport is tested through the session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import responses

from dealcache.hubspot.transport import Transport
from dealcache.model.deadline import Deadline
from tests.unit.hubspot.conftest import BASE_URL, TOKEN

PROXY = "http://proxy.test:3128"
SETTINGS = ("HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@pytest.fixture
def given(hubspot: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """Makes a call after the environment was another one than at the start; what it was to be sent with."""

    def make(**environ: str) -> dict[str, Any]:
        hubspot.get(f"{BASE_URL}/x", json={})
        for name in SETTINGS:
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.lower(), raising=False)
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        transport = Transport(BASE_URL, TOKEN, 1)
        for name in environ:
            monkeypatch.delenv(name)
        transport.exchange("things", "GET", "/x", params=None, body=None, deadline=Deadline(1.0), answer_seconds=1.0)
        transport.close()
        sent: dict[str, Any] = hubspot.calls[-1].request.req_kwargs
        return sent

    return make


def test_the_environments_proxy_and_certificates_count_as_they_were_at_the_start(given) -> None:
    sent = given(HTTPS_PROXY=PROXY, NO_PROXY="elsewhere.test", REQUESTS_CA_BUNDLE="/some/bundle.pem")
    assert sent["proxies"]["https"] == PROXY
    assert sent["verify"] == "/some/bundle.pem"


def test_no_proxy_for_a_host_that_needs_none(given) -> None:
    sent = given(HTTPS_PROXY=PROXY, NO_PROXY="hubspot.test")
    assert "https" not in sent["proxies"]
    assert sent["verify"] is True
