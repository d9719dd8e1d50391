"""Responses with complete headers: what goes over the wire for each method and condition."""

from __future__ import annotations

import pytest

from dealcache.api.responses import conditional_response, json_response
from dealcache.api.strict_blueprint import StrictBlueprint
from dealcache.reader.entries import entity_tag
from tests.unit.api.stands import client_of

BODY = '{"name":"Söhne"}'.encode()
TAG = entity_tag(BODY)


@pytest.fixture
def client():
    blueprint = StrictBlueprint("answers", __name__)

    @blueprint.route("/conditional")
    def conditional():
        return conditional_response(BODY, TAG, [("Cache-Control", "private, no-cache"), ("Age", "7")])

    @blueprint.route("/json")
    def plain():
        return json_response({"name": "Söhne"}, 503)

    return client_of(blueprint)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_body_has_its_type_its_length_and_its_tag(client, method):
    answer = client.open("/conditional", method=method)
    assert answer.status == "200 OK"
    assert list(answer.headers) == [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(BODY))),
        ("ETag", TAG),
        ("Cache-Control", "private, no-cache"),
        ("Age", "7"),
    ]
    assert answer.data == (BODY if method == "GET" else b"")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("tags", [TAG, f"W/{TAG}", f'"other", {TAG}', "*"])
def test_an_unmodified_answer_says_nothing_of_a_body(client, method, tags):
    answer = client.open("/conditional", method=method, headers={"If-None-Match": tags})
    assert answer.status == "304 NOT MODIFIED"
    assert list(answer.headers) == [("ETag", TAG), ("Cache-Control", "private, no-cache"), ("Age", "7")]
    assert answer.data == b""


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_json_is_not_stored_whatever_its_status(client, method):
    answer = client.open("/json", method=method)
    assert answer.status == "503 SERVICE UNAVAILABLE"
    assert list(answer.headers) == [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(BODY))),
        ("Cache-Control", "no-store"),
    ]
    assert answer.data == (BODY if method == "GET" else b"")
