"""Queries that were loaded before are remembered, and nobody can tell."""

from __future__ import annotations

from urllib.parse import quote

import marshmallow as ma
import pytest

from dealcache.api.parameters import DealRead
from dealcache.api.responses import json_response
from dealcache.api.strict_blueprint import Prefixed, Repeatable, StrictBlueprint
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


class Coloured(ma.Schema):
    """Parameters some of which have names that are not known before."""

    size = ma.fields.Integer()
    tag = Repeatable(ma.fields.String())
    colours = Prefixed(
        "colour.", ma.fields.String(validate=ma.validate.Length(min=1)), lambda: NAMES_EXIST[0], 3, "Colours."
    )


NAMES_EXIST = [True]


@pytest.fixture
def coloured():
    blueprint = StrictBlueprint("coloured", __name__)

    @blueprint.route("/coloured")
    @blueprint.arguments(Coloured(), location="query", unknown=ma.RAISE)
    def show(query):
        return json_response(query)

    NAMES_EXIST[0] = True
    return client_of(blueprint)


@pytest.mark.parametrize(
    ("query", "loaded"),
    [
        ("", {}),
        ("colour.sky=blue", {"colours": {"sky": ["blue"]}}),
        ("colour.a=1&size=2&colour.b=3&colour.a=4", {"size": 2, "colours": {"a": ["1", "4"], "b": ["3"]}}),
        ("colour.=x&colour.a.b=%C3%A9+e", {"colours": {"": ["x"], "a.b": ["é e"]}}),
        ("tag=1&tag=2&colour.value=3", {"tag": ["1", "2"], "colours": {"value": ["3"]}}),
    ],
)
def test_parameters_whose_names_begin_alike_are_gathered(coloured, query, loaded):
    assert coloured.get(f"/coloured?{query}").json == loaded


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ("colour.sky=", {"colour.sky": ["Shorter than minimum length 1."]}),
        ("colour.a=1&colour.a=2&colour.a=3&colour.a=4", {"colour.a": ["May be given 3 times at most."]}),
        ("colour=blue", {"colour": ["Unknown field."]}),
        ("colour=blue&colour.sky=blue", {"colour": ["Unknown field."]}),
        ("size=1&size=2&colour.a=1", {"size": ["Give this parameter once."]}),
        ("size=x&colour.a=", {"size": ["Not a valid integer."], "colour.a": ["Shorter than minimum length 1."]}),
        ("colours=1", {"colours": ["Unknown field."]}),
    ],
)
def test_what_is_wrong_with_them_is_told_by_their_names(coloured, query, errors):
    refused = coloured.get(f"/coloured?{query}")
    assert (refused.status_code, refused.json["errors"]) == (422, errors)


@pytest.mark.parametrize("query", ["colour.sky=blue", "colour.a=1&colour.a=2", "colour=1"])
def test_where_there_are_no_such_names_they_are_unknown(coloured, query):
    NAMES_EXIST[0] = False
    refused = coloured.get(f"/coloured?{query}")
    assert (refused.status_code, refused.json["errors"]) == (422, {query.partition("=")[0]: ["Unknown field."]})
