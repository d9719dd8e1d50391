"""Authentication, allowed origins of browsers, and the request id."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from dealcache.sandbox.simulator import Simulator, demo_data
from tests.clocks import ManualClock
from tests.integration.service.harness import ACME, TOKEN, V2, MakeService, Service, assert_problem, running

API, ADMIN = "api-token-for-tests", "admin-token-for-tests"
ORIGIN = "https://ui.example.com"
ENVIRONMENTS = {
    "open": {},
    "api": {"API_TOKEN": API},
    "admin": {"ADMIN_TOKEN": ADMIN},
    "both": {"API_TOKEN": API, "ADMIN_TOKEN": ADMIN},
}
WITH_ORIGINS = {"CORS_ORIGINS": f"{ORIGIN}, http://localhost:3000", "API_TOKEN": API}
SENT = {
    "none": None,
    "unknown": "Bearer nobody-knows-this",
    "api": f"Bearer {API}",
    "admin": f"Bearer {ADMIN}",
    "lower case scheme": f"bearer {ADMIN}",
    "another scheme": f"Basic {ADMIN}",
    "no scheme": ADMIN,
    "empty": "Bearer ",
    "not ASCII": "Bearer t\xf6ken",
    "a beginning": f"Bearer {ADMIN[:-1]}",
}
#: Method and path, and whether it is open to all, for readers, or for administrators.
REQUESTS = {
    "read": ("GET", f"/api/hubspot/deal-info?dealName={ACME}", "read"),
    "timeline": ("GET", f"/api/hubspot/deal-timeline?dealName={ACME}", "read"),
    "stored": ("GET", f"{V2}deal-info?dealName={ACME}", "read"),
    "list": ("GET", f"{V2}all-deals", "read"),
    "health of v2": ("GET", f"{V2}health", "read"),
    "batch": ("POST", "/api/hubspot/deals-batch", "read"),
    "stats": ("GET", "/api/hubspot/cache-stats", "read"),
    "unknown path": ("GET", "/api/nope", "read"),
    "refresh": ("GET", f"/api/hubspot/deal-info?dealName={ACME}&refresh=true", "admin"),
    "refresh, encoded": ("GET", f"/api/hubspot/deal-info?dealName={ACME}&%72efresh=true", "admin"),
    "refresh, twice": ("GET", f"/api/hubspot/deal-info?dealName={ACME}&refresh=false&refresh=true", "any"),
    "clear": ("DELETE", "/api/hubspot/clear-endpoint-cache", "admin"),
    "sync": ("POST", f"{V2}sync", "admin"),
    "healthz": ("GET", "/healthz", "open"),
    "readyz": ("GET", "/readyz", "open"),
    "metrics": ("GET", "/metrics", "open"),
    "docs": ("GET", "/api/docs", "open"),
    "asset": ("GET", "/api/docs/assets/start.js", "open"),
    "console": ("GET", "/console/deals", "open"),
}


@pytest.fixture(scope="module")
def services(mongodb_uri: str) -> Iterator[dict[str, Service]]:
    """A service for each of the four ways to set the tokens, and one that pages of two other sites may ask."""
    clock = ManualClock(1_790_000_000.0)
    with ExitStack() as stack:
        hubspot = stack.enter_context(Simulator(demo_data(1), token=TOKEN, limits=None, clock=clock))
        environments = ENVIRONMENTS | {"with_origins": WITH_ORIGINS}
        made = {
            name: stack.enter_context(running(hubspot, mongodb_uri, f"test_access_{name}", clock, **environ))
            for name, environ in environments.items()
        }
        for service in made.values():
            service.parts.status_monitor.thread.start()  # else /metrics waits in vain for the state of the database
        yield made


def refusal(environ: dict[str, str], need: str, known_as: str | None) -> int | None:
    """The contract's status for a request that is refused; ``known_as`` is the token that was sent, if it is set."""
    if need == "open" or not environ or (need == "read" and "API_TOKEN" not in environ):
        return None
    if known_as is None:
        return 401
    return 403 if need == "admin" and "ADMIN_TOKEN" in environ and known_as == "API_TOKEN" else None


@pytest.mark.parametrize("name", [name for name, (_, _, need) in REQUESTS.items() if need != "any"])
@pytest.mark.parametrize("tokens", ENVIRONMENTS)
def test_who_may_do_what(services: dict[str, Service], tokens: str, name: str) -> None:
    environ = ENVIRONMENTS[tokens]
    known = {f"bearer {value}": variable for variable, value in environ.items()}
    for sent, header in SENT.items():
        known_as = known.get(header.replace("Bearer ", "bearer ")) if header else None
        status = refusal(environ, REQUESTS[name][2], known_as)
        # Twice: the second time memory could answer.
        for _ in range(2):
            assert_let_in_or_refused(services[tokens], name, sent, status)


def assert_let_in_or_refused(service: Service, name: str, sent: str, status: int | None) -> None:
    """That a request is refused with ``status``, or let in if that is None; ``sent`` names the token."""
    method, path, _ = REQUESTS[name]
    headers = {"Authorization": header} if (header := SENT[sent]) else {}
    response = service.app.test_client().open(path, method=method, headers=headers, buffered=True)
    if status is None:
        assert response.status_code not in (401, 403), sent
        assert response.status_code < 400 or name in ("unknown path", "sync", "batch"), sent
        return
    assert response.status_code == status, sent
    problem = assert_problem(response, status)
    assert API not in str(problem) + str(response.headers)
    assert ADMIN not in str(problem) + str(response.headers)
    assert ("WWW-Authenticate" in response.headers) == (status == 401), sent
    if status == 401:
        assert response.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_refused_clear_clears_nothing(make_service: MakeService) -> None:
    service = make_service(**ENVIRONMENTS["both"])
    admin, api = {"Authorization": SENT["admin"]}, {"Authorization": SENT["api"]}
    service.get("deal-info", api, dealName=ACME)
    assert_problem(service.request("DELETE", "clear-endpoint-cache", api), 403)
    assert_problem(service.request("DELETE", "clear-endpoint-cache"), 401)
    assert service.get("deal-info", api, dealName=ACME).headers["X-Cache-Tier"] == "memory"
    assert service.request("DELETE", "clear-endpoint-cache", admin).get_json()["entries_cleared"] == 3


def test_a_refresh_does_not_slip_past_as_the_second_of_two(services: dict[str, Service]) -> None:
    _, path, _ = REQUESTS["refresh, twice"]
    service = services["both"]
    calls = service.calls("search")
    response = service.app.test_client().get(path, headers={"Authorization": SENT["api"]})
    assert response.status_code in (403, 422)
    assert service.calls("search") == calls


@pytest.fixture(scope="module")
def with_origins(services: dict[str, Service]) -> Service:
    return services["with_origins"]


def test_an_allowed_origin_may_read_every_answer(with_origins: Service) -> None:
    headers = {"Origin": ORIGIN, "Authorization": SENT["api"]}
    warm = {"dealName": ACME}
    with_origins.get("deal-info", headers, **warm)
    answers = [
        with_origins.get("deal-info", headers, **warm),
        with_origins.get("deal-info", headers | {"If-None-Match": "*"}, **warm),
        with_origins.get("deal-info", {"Origin": ORIGIN}, **warm),
        with_origins.get("deal-info", headers),
        with_origins.get("nope", headers),
        with_origins.request("PUT", "deal-info", headers),
        with_origins.get("/healthz", headers),
    ]
    assert [answer.status_code for answer in answers] == [200, 304, 401, 422, 404, 405, 200]
    for answer in answers:
        assert answer.headers.getlist("Access-Control-Allow-Origin") == [ORIGIN]
        assert "Origin" in answer.headers["Vary"]
        exposed = answer.headers["Access-Control-Expose-Headers"]
        assert {"X-Cache-Tier", "ETag", "X-Request-ID", "Retry-After"} <= {name.strip() for name in exposed.split(",")}


@pytest.mark.parametrize("origin", ["https://evil.example.com", "null", f"{ORIGIN}.evil.com", "http://ui.example.com"])
def test_another_origin_may_not(with_origins: Service, origin: str) -> None:
    for method in ("GET", "OPTIONS"):
        headers = {"Origin": origin, "Authorization": SENT["api"], "Access-Control-Request-Method": "GET"}
        response = with_origins.request(method, "deal-info", headers, dealName=ACME)
        assert "Access-Control-Allow-Origin" not in response.headers
        assert "Access-Control-Allow-Headers" not in response.headers
        assert "Origin" in response.headers["Vary"]


@pytest.mark.parametrize("path", ["deal-info", "clear-endpoint-cache", "cache-stats"])
def test_a_preflight_is_answered_without_a_token(with_origins: Service, path: str) -> None:
    asked = "x-browser-id,x-session-id,authorization,if-none-match,cache-control"
    headers = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "DELETE",
        "Access-Control-Request-Headers": asked,
    }
    response = with_origins.request("OPTIONS", path, headers)
    assert (response.status_code, response.data) == (204, b"")
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    allowed = {name.strip().lower() for name in response.headers["Access-Control-Allow-Headers"].split(",")}
    assert set(asked.split(",")) <= allowed
    assert "DELETE" in response.headers["Access-Control-Allow-Methods"]


def test_without_origins_no_answer_mentions_any(service: Service) -> None:
    for _ in range(2):
        response = service.get("deal-info", {"Origin": ORIGIN}, dealName=ACME)
        assert not [name for name, _ in response.headers if name.startswith("Access-Control")]


FOREIGN = "https://evil.example"
UNSAFE = ("batch", "clear", "sync")


@pytest.mark.parametrize("origin", [FOREIGN, "null", "http://localhost:3000"])
@pytest.mark.parametrize("name", UNSAFE)
def test_a_page_of_elsewhere_changes_nothing_where_no_token_is_needed(
    services: dict[str, Service], name: str, origin: str
) -> None:
    method, path, _ = REQUESTS[name]
    service = services["open"]
    jobs = service.get(f"{V2}sync/jobs").get_json()["total_jobs"]
    assert "CORS_ORIGINS" in assert_problem(service.request(method, path, {"Origin": origin}), 403)["detail"]
    assert service.get(f"{V2}sync/jobs").get_json()["total_jobs"] == jobs
    # With a token it may: a browser adds none by itself.
    known = services["both"].request(method, path, {"Origin": origin, "Authorization": f"Bearer {ADMIN}"})
    assert known.status_code in (200, 202, 422)


def test_where_only_admins_need_a_token_others_are_looked_at(services: dict[str, Service]) -> None:
    service = services["admin"]
    assert_problem(service.batch(ACME, headers={"Origin": FOREIGN}), 403)
    assert_problem(service.request("POST", f"{V2}sync", {"Origin": FOREIGN}), 401)
    assert_problem(service.get("/healthz", {"Host": "evil.example"}), 421)
    known = {"Host": "evil.example", "Origin": FOREIGN, "Authorization": f"Bearer {ADMIN}"}
    assert service.request("POST", f"{V2}sync", known).status_code == 202


@pytest.mark.parametrize("name", [name for name, (method, _, _) in REQUESTS.items() if method == "GET"])
def test_a_name_that_is_not_its_own_is_misdirected(services: dict[str, Service], name: str) -> None:
    _, path, _ = REQUESTS[name]
    services["open"].get(path).close()  # memory knows it, and must not tell
    assert "PUBLIC_URL" in assert_problem(services["open"].get(path, {"Host": "evil.example:8000"}), 421)["detail"]
    with services["api"].get(path, {"Host": "evil.example"}) as answer:
        assert answer.status_code != 421


@pytest.mark.parametrize("given", ["abc-123", "a" * 128, "6b04c293-1828-9a11", "A.b_c:d/e+f=g@h"])
def test_a_sane_request_id_is_taken_over(services: dict[str, Service], given: str) -> None:
    for path, query in (("deal-info", {"dealName": ACME}),) * 2 + (("nope", {}), ("deal-info", {})):
        assert services["open"].get(path, {"X-Request-ID": given}, **query).headers["X-Request-ID"] == given


@pytest.mark.parametrize("given", [None, "", "a" * 129, "a b", "a\tb", '"quoted"', "<script>", "naïve", "a,b"])
def test_another_one_is_replaced(services: dict[str, Service], given: str | None) -> None:
    service = services["open"]
    headers = {} if given is None else {"X-Request-ID": given}
    made = {service.get("deal-info", headers, dealName=ACME).headers["X-Request-ID"] for _ in range(3)}
    assert len(made) == 3
    assert given not in made
    assert all(one.isalnum() for one in made)
