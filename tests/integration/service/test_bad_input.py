"""Meaningless input is refused with a problem that says why, and never finds another deal."""

from __future__ import annotations

import pytest

from tests.integration.service.harness import ACME, V1, V2, VIEWS, Service, assert_problem

READS = tuple(V1 + view for view in VIEWS) + tuple(V2 + view for view in VIEWS)
ENCODED = ACME.replace(" ", "%20")

#: Query string, the field that is wrong.
REFUSED = {
    "nothing": ("", "dealName"),
    "another parameter": (f"name={ENCODED}", "dealName"),
    "empty": ("dealName=", "dealName"),
    "blank": ("dealName=%20+%09%20", "dealName"),
    "unicode blank": ("dealName=%E3%80%80%C2%A0", "dealName"),
    "NUL": (f"dealName={ENCODED}%00", "dealName"),
    "control": (f"dealName={ENCODED}%07", "dealName"),
    "C1 control": (f"dealName={ENCODED}%C2%85x", "dealName"),
    "CRLF": (f"dealName={ENCODED}%0D%0ASet-Cookie:%20a=b", "dealName"),
    "513 characters": ("dealName=" + "a" * 513, "dealName"),
    "10 kB": ("dealName=" + "a" * 10_000, "dealName"),
    "operator in brackets": ("dealName[$ne]=x", "dealName"),
    "encoded operator": ("dealName%5B%24ne%5D=x", "dealName"),
    "broken escape": (f"dealName={ENCODED}%zz", "dealName"),
    "cut escape": (f"dealName={ENCODED}%2", "dealName"),
    "invalid UTF-8": (f"dealName={ENCODED}%FF", "dealName"),
    "lone surrogate": ("dealName=%ED%A0%80", "dealName"),
    "overlong slash": ("dealName=%C0%AF", "dealName"),
    "raw invalid byte": ("dealName=\xff", "dealName"),
    "twice": (f"dealName={ENCODED}&dealName=x", "dealName"),
    "twice the same": (f"dealName={ENCODED}&dealName={ENCODED}", "dealName"),
    "twice, once encoded": (f"dealName={ENCODED}&deal%4Eame=x", "dealName"),
    "id of letters": ("dealId=abc", "dealId"),
    "id with a sign": ("dealId=-1", "dealId"),
    "id with a point": ("dealId=1.0", "dealId"),
    "id with a space": ("dealId=%201", "dealId"),
    "id with a line end": ("dealId=7891023%0A", "dealId"),
    "id in other digits": ("dealId=%D9%A7", "dealId"),
    "id empty": ("dealId=", "dealId"),
    "id too long": ("dealId=" + "1" * 21, "dealId"),
    "id is an object": ("dealId=%7B%22%24gt%22%3A0%7D", "dealId"),
    "id wrong beside a good name": (f"dealName={ENCODED}&dealId=x", "dealId"),
    "id twice": ("dealId=7891023&dealId=7891023", "dealId"),
    "broken name of a parameter": (f"dealName={ENCODED}&%FF=1", "query"),
}

#: Those that name no deal at all; a clear without a deal clears everything.
NAMES_NO_DEAL = {"nothing", "another parameter", "operator in brackets", "encoded operator"}


@pytest.mark.parametrize("name", REFUSED)
def test_reads_refuse(shared: Service, name: str) -> None:
    shared.get("deal-info", dealName=ACME)
    calls = shared.calls()
    query, field = REFUSED[name]
    for path in READS:
        problem = assert_problem(shared.raw(path, query), 422)
        assert field in problem["errors"]
    assert shared.calls() == calls


@pytest.mark.parametrize("name", [name for name in REFUSED if name not in NAMES_NO_DEAL])
def test_a_clear_of_a_deal_that_cannot_be_meant_clears_nothing(shared: Service, name: str) -> None:
    shared.get("deal-info", dealName=ACME)
    assert_problem(shared.raw(V1 + "clear-endpoint-cache", REFUSED[name][0], "DELETE"), 422)
    assert shared.get("deal-info", dealName=ACME).headers["X-Cache-Tier"] == "memory"


@pytest.mark.parametrize("name", ["$where", '{"$ne":null}', "' OR 1=1 --", "../../etc/passwd", "%00", "\\u0000", "[]"])
def test_names_that_look_like_code_are_names(shared: Service, name: str) -> None:
    shared.get("deal-info", dealName=ACME)
    for path in READS:
        assert_problem(shared.get(path, dealName=name), 404)


def test_names_of_the_greatest_length_are_names(shared: Service) -> None:
    for name in ("a" * 512, "長" * 512, "👍" * 512, " " * 100 + "a" * 512):
        assert_problem(shared.get("deal-info", dealName=name), 404)


def test_an_unknown_name_is_shown_without_its_markup_breaking_the_answer(shared: Service) -> None:
    problem = assert_problem(shared.get("deal-info", dealName='<script>"</script>'), 404)
    assert '<script>"</script>' in problem["detail"]


@pytest.mark.parametrize("path", [*READS, V1 + "cache-stats", V2 + "all-deals", V2 + "deals", "/healthz", "/metrics"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_wrong_verb_is_told_the_right_ones(shared: Service, method: str, path: str) -> None:
    response = shared.request(method, path)
    assert_problem(response, 405)
    assert {verb.strip() for verb in response.headers["Allow"].split(",")} == {"GET", "HEAD", "OPTIONS"}


def test_clearing_takes_delete_alone(shared: Service) -> None:
    shared.get("deal-info", dealName=ACME)
    for method in ("GET", "HEAD", "POST", "PUT"):
        response = shared.request(method, "clear-endpoint-cache")
        assert response.status_code == 405
        assert "DELETE" in response.headers["Allow"]
    assert shared.get("deal-info", dealName=ACME).headers["X-Cache-Tier"] == "memory"


@pytest.mark.parametrize(
    "path",
    [
        *("/nope", "/api", "/api/hubspot", "/api/hubspot/", "/api/hubspot/nope", "/api/hubspot/deal-info/"),
        *("//api/hubspot/deal-info", "/api//hubspot/deal-info", "/API/hubspot/deal-info", "/api/hubspot/v2/"),
        *("/api/hubspot/v3/deal-info", "/api/docs/assets/../../../wsgi.py", "/api/docs/assets/%2e%2e/%2e%2e/app.py"),
        *("/healthz/", "/static/x", "/é", "/%ff", "/api/docs/assets/nope.js"),
    ],
)
def test_an_unknown_path_is_a_problem(shared: Service, path: str) -> None:
    # Of a path with two slashes in front the test client makes a host name.
    assert_problem(shared.raw(path, f"dealName={ENCODED}", HTTP_HOST="localhost"), 404)


@pytest.mark.parametrize(("method", "path"), [("GET", V1 + "deal-info"), ("DELETE", V1 + "clear-endpoint-cache")])
def test_a_huge_body_is_refused(shared: Service, method: str, path: str) -> None:
    shared.get("deal-info", dealName=ACME)
    client = shared.app.test_client()
    response = client.open(path, method=method, data=b"x" * (1024 * 1024 + 1), query_string={"dealName": ACME})
    assert_problem(response, 413)
    assert shared.get("deal-info", dealName=ACME).headers["X-Cache-Tier"] == "memory"


def test_what_nobody_asked_for_is_ignored(shared: Service) -> None:
    shared.get("deal-info", dealName=ACME)
    for query in ("&utm_source=x", "&a=1&a=2", "&_=1700000000", "&"):
        response = shared.raw(V1 + "deal-info", f"dealName={ENCODED}{query}")
        assert response.status_code == 200
        assert response.get_json()["dealName"] == ACME
