"""Queries that were loaded before are remembered, and nobody can tell."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from dealcache.api.parameters import DealRead
from dealcache.api.responses import json_response
from dealcache.api.strict_blueprint import StrictBlueprint
from tests.unit.api.stands import client_of


@pytest.fixture
def client():
    blueprint = StrictBlueprint("echo", __name__)

    @blueprint.route("/echo")
    @blueprint.takes_query(DealRead())
    def echo(query):
        return json_response({**query, "key": list(query["key"])})

    @blueprint.route("/spoil")
    @blueprint.takes_query(DealRead())
    def spoil(query):
        query["dealName"] = "spoilt"

    return client_of(blueprint)


def test_each_query_has_its_own_parameters_however_many_there_are(client):
    for _ in range(2):
        for number in range(300):
            name = f"Söhne & {number}"
            assert client.get(f"/echo?dealName={quote(name)}").json["key"] == ["name", name]


@pytest.mark.parametrize(
    ("query", "key"),
    [
        ("dealName=Acme&utm_source=mail&utm_source=again", ["name", "Acme"]),
        ("dealId=12&dealName=Acme", ["id", "12"]),
        ("refresh=false&dealName=+Acme%09", ["name", "Acme"]),
    ],
)
def test_a_repeated_read_is_given_the_same(client, query, key):
    first, second = (client.get(f"/echo?{query}") for _ in range(2))
    assert first.data == second.data
    assert first.json["key"] == key


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ("", {"dealName": ["Give dealName or dealId."]}),
        ("dealName=a&dealName=b", {"dealName": ["Give this parameter once."]}),
        ("dealName=%zz", {"dealName": ["Broken percent-encoding."]}),
        (
            "dealId=x&refresh=yes",
            {"dealId": ["Must be HubSpot's id of the deal: 1 to 20 digits."], "refresh": ["Not a valid boolean."]},
        ),
    ],
)
def test_an_invalid_query_is_refused_each_time(client, query, errors):
    for _ in range(2):
        refused = client.get(f"/echo?{query}")
        assert refused.status_code == 422
        assert refused.content_type == "application/problem+json"
        assert refused.json["errors"] == errors


def test_a_view_cannot_change_what_is_remembered(client):
    client.application.testing = True  # raises what a view raises
    with pytest.raises(TypeError, match="mappingproxy"):
        client.get("/spoil?dealName=Acme")
