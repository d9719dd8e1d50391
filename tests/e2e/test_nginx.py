"""The service behind nginx, with the site of ``deploy/``."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator

import pytest
import requests

from tests.e2e.live import handshake, subscription
from tests.e2e.nginx import Nginx
from tests.e2e.programs import ACME, READ, Gunicorn, assert_problem
from tests.ports import free_port
from tests.waiting import until

TIMELINE = "/api/hubspot/deal-timeline"


@pytest.fixture(scope="module")
def nginx(two_workers: Gunicorn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    """nginx in front of the service with two workers."""
    server = Nginx(tmp_path_factory.mktemp("nginx") / "nginx", f"127.0.0.1:{two_workers.port}")
    yield server
    server.stop()


def get(nginx: Nginx, path: str, headers: dict[str, str] | None = None, **query: str) -> requests.Response:
    return requests.get(nginx.url + path, params=query, headers=headers, verify=str(nginx.certificate), timeout=60)


def refused(nginx: Nginx, path: str, size: int) -> tuple[int, dict[str, str], bytes]:
    """The answer to the head of a request whose body is never sent."""
    connection = http.client.HTTPSConnection("127.0.0.1", nginx.https, timeout=60, context=nginx.tls("http/1.1"))
    try:
        connection.putrequest("POST", path)
        connection.putheader("Content-Length", str(size))
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, dict(answer.headers), answer.read()
    finally:
        connection.close()


def test_the_site_is_valid_without_a_warning(nginx):
    assert "[warn]" not in nginx.checked.stderr


def test_a_hit_comes_through_compressed_and_is_revalidated(nginx):
    assert get(nginx, TIMELINE, dealName=ACME).status_code == 200
    hit = until(lambda: (got := get(nginx, TIMELINE, dealName=ACME)).headers.get("X-Cache-Tier") == "memory" and got)
    assert hit.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in hit.headers["Vary"]
    assert hit.json()["deal_name"] == ACME
    again = get(nginx, TIMELINE, {"If-None-Match": hit.headers["ETag"]}, dealName=ACME)
    assert (again.status_code, again.content) == (304, b"")
    plain = get(nginx, TIMELINE, {"Accept-Encoding": "identity"}, dealName=ACME)
    assert "Content-Encoding" not in plain.headers
    assert plain.json() == hit.json()


def test_http_2_is_spoken(nginx):
    with nginx.connect("h2", "http/1.1") as connection:
        assert connection.selected_alpn_protocol() == "h2"


def test_each_request_has_an_id_of_nginx_whatever_the_client_says(nginx, two_workers):
    answer = get(nginx, READ, {"X-Request-ID": "chosen-by-the-client"}, dealName="No such deal")
    given = answer.headers["X-Request-ID"]
    assert re.fullmatch("[0-9a-f]{32}", given)
    assert answer.json()["request_id"] == given
    until(lambda: [line for line in two_workers.log() if line.get("request_id") == given])


def test_a_body_that_is_too_large_is_refused_at_once(nginx):
    status, headers, body = refused(nginx, "/api/hubspot/deals-batch", 1024 * 1024 + 1)
    assert status == 413
    assert assert_problem(status, headers, body)["status"] == 413
    status, _, _ = refused(nginx, "/api/hubspot/webhooks", 8 * 1024 * 1024 + 1)
    assert status == 413


def test_a_delivery_may_be_larger_than_other_bodies(nginx):
    body = json.dumps([{"padding": "x" * (2 * 1024 * 1024)}])
    url = f"{nginx.url}/api/hubspot/webhooks"
    answer = requests.post(url, data=body, verify=str(nginx.certificate), timeout=60)
    assert answer.status_code == 401  # it is not signed


def test_a_name_of_the_greatest_length_passes(nginx):
    answer = get(nginx, READ, dealName="語" * 512)
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_live_updates_come_through(nginx, two_workers):
    # In this thread alone: one thread of websockets' client reads while another writes, which OpenSSL does not allow.
    with nginx.connect("http/1.1") as connection, connection.makefile("rb") as answer:
        connection.sendall(handshake(two_workers))
        assert answer.readline().startswith(b"HTTP/1.1 101 ")
        while answer.readline() != b"\r\n":
            pass
        connection.sendall(subscription(ACME))
        _, length = answer.read(2)
        assert json.loads(answer.read(length)) == {"type": "subscribed", "deal_names": [ACME]}


def test_metrics_are_for_this_machine_alone(nginx):
    assert get(nginx, "/metrics").status_code == 404
    assert "dealcache_reads_total" in requests.get(f"http://127.0.0.1:{nginx.metrics}/metrics", timeout=60).text
    assert requests.get(f"http://127.0.0.1:{nginx.metrics}{READ}", timeout=60).status_code == 404


def test_static_files_may_be_kept(nginx):
    page = get(nginx, "/console/deals").text
    (module, *_) = re.findall(r'"(/console/assets/[^"]+\.js)"', page)
    assert "max-age=31536000" in get(nginx, module).headers["Cache-Control"]
    script = get(nginx, "/api/docs/assets/swagger-ui-bundle.js")
    assert (script.headers["Cache-Control"], script.headers["Content-Encoding"]) == ("max-age=3600", "gzip")


def test_plain_http_is_sent_to_https(nginx):
    answer = requests.get(f"http://127.0.0.1:{nginx.http}{READ}?dealName=a", allow_redirects=False, timeout=60)
    assert (answer.status_code, answer.headers["Location"]) == (308, f"https://127.0.0.1{READ}?dealName=a")


def test_without_a_service_the_answer_is_a_problem_too(tmp_path):
    server = Nginx(tmp_path / "nginx", f"127.0.0.1:{free_port()}")
    try:
        answer = get(server, READ, dealName=ACME)
        assert_problem(answer.status_code, answer.headers, answer.content)
        assert answer.status_code == 502
    finally:
        server.stop()
