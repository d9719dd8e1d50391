"""What gunicorn gets from us, as far as it can be seen without gunicorn running."""

from __future__ import annotations

import logging

import pytest
from gunicorn.http import errors

from dealcache.server.hooks import announce, is_loopback
from dealcache.server.worker import refusal_of
from dealcache.settings import load_settings

NEEDED = {"HUBSPOT_ACCESS_TOKEN": "t", "MONGODB_URI": "mongodb://db/"}


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.LimitRequestLine(9000, 8190), 414),
        (errors.LimitRequestHeaders("too many"), 431),
        (errors.InvalidRequestLine("x"), 400),
        (errors.InvalidHeader("x"), 400),
        (errors.InvalidHTTPVersion("x"), 400),
        (errors.UnsupportedTransferCoding("x"), 501),
        (RuntimeError("x"), 500),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_unparsable_request_has_its_status(error, status):
    problem = refusal_of(error)
    assert problem.status == status
    assert str(error) not in problem.detail


@pytest.mark.parametrize(
    ("bind", "loopback"),
    [
        ("127.0.0.1:8000", True),
        ("127.1.2.3:80", True),
        ("[::1]:8000", True),
        ("localhost:8000", True),
        ("unix:/run/x.sock", True),
        ("0.0.0.0:8000", False),
        ("[::]:8000", False),
        ("10.0.0.5:8000", False),
        ("deals.example.com:80", False),
    ],
)
def test_who_can_reach_an_address(bind, loopback):
    assert is_loopback(bind) is loopback


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, []),
        ({"BIND": "0.0.0.0:80"}, ["read all deals and clear the cache"]),
        ({"BIND": "0.0.0.0:80", "ADMIN_TOKEN": "a"}, ["read all deals"]),
        ({"BIND": "0.0.0.0:80", "API_TOKEN": "a"}, []),
        ({"WEB_CONCURRENCY": "2"}, []),
    ],
)
def test_what_the_operator_is_told_at_start(changes, said, caplog):
    with caplog.at_level(logging.WARNING):
        announce(load_settings(NEEDED | changes))
    assert len(caplog.records) == len(said)
    for record, text in zip(caplog.records, said, strict=True):
        assert text in record.getMessage()
