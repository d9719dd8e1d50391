"""The console over HTTP: one document for every page, assets known by their content, nothing from elsewhere."""

from __future__ import annotations

import re
from pathlib import Path
from posixpath import dirname, join, normpath

import pytest
from flask import Flask
from flask.testing import FlaskClient

import dealcache.console
from dealcache.console import make_blueprint
from dealcache.console.assets import read_assets
from tests.console.packages import vendored

STATIC = Path(dealcache.console.__file__).parent / "static"
ASSET = re.compile(r'(?:href|src)="(/[^"]+)"')


def client_of(taken_off: str = "") -> FlaskClient:
    app = Flask(__name__, static_folder=None)
    app.url_map.merge_slashes = False  # as in the service
    app.register_blueprint(make_blueprint(taken_off))
    return app.test_client()


@pytest.fixture(scope="module")
def client() -> FlaskClient:
    return client_of()


def test_the_start_leads_to_the_deals(client: FlaskClient) -> None:
    answer = client.get("/console/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/console/deals")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        *(
            (page, 200)
            for page in ("deals", "activity", "syncs", "cache", "status", "deals/7891023", "deals/no-such-deal")
        ),
        *((page, 404) for page in ("deal", "nope", "activity/1", "deals/1/2", "syncs/1", "app/main.js")),
    ],
)
def test_every_page_is_a_document_that_names_what_it_needs(client: FlaskClient, path: str, status: int) -> None:
    answer = client.get(f"/console/{path}")
    assert answer.status_code == status
    assert answer.content_type == "text/html; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-cache"
    for place in set(ASSET.findall(answer.text)):
        found = client.get(place)
        assert found.status_code == 200, place
        assert found.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert found.headers["X-Content-Type-Options"] == "nosniff"


def test_a_page_is_revalidated(client: FlaskClient) -> None:
    tag = client.get("/console/deals").headers["ETag"]
    assert client.get("/console/deals", headers={"If-None-Match": tag}).status_code == 304
    assert client.get("/console/syncs", headers={"If-None-Match": tag}).status_code == 200


def test_the_policy_allows_this_service_alone_and_nothing_inline(client: FlaskClient) -> None:
    answer = client.get("/console/deals")
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'self'"
    assert set(policy.values()) <= {"'self'", "'none'"}
    assert "<style" not in answer.text
    assert not re.search(r"<script(?![^>]* src=)|\son\w+=|\sstyle=|data:|https?://", answer.text)


def test_only_the_modules_and_styles_of_the_page_are_fetched_at_once(client: FlaskClient) -> None:
    page = client.get("/console/deals/1").text
    assert "/deal/page.js" in page
    assert "/deals/page.js" not in page
    assert "uplot.js" not in page
    assert "/deal/deal.css" in page
    assert "/deals/deals.css" not in page
    assert "/parts/types.css" in page
    assert "/parts/types.css" not in client.get("/console/cache").text


@pytest.mark.parametrize("base", ["", "/sales"])
@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/", "/console/"),
        ("/console", "/console/"),
        ("/console/", "/console/deals"),
    ],
)
@pytest.mark.parametrize("proxy", ["takes it off", "passes it on"])
def test_what_leads_to_the_first_page_names_its_path_alone(base: str, path: str, place: str, proxy: str) -> None:
    is_taken_off = proxy == "takes it off"
    client = client_of(base if is_taken_off else "")
    answer = client.get(path, environ_overrides={} if is_taken_off else {"SCRIPT_NAME": base})
    assert (answer.status_code, answer.headers["Location"]) == (302, base + place)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/console", 302),
        ("GET", "/console/", 302),
        ("GET", "/console/deals", 200),
        ("HEAD", "/console/deals", 200),
        ("POST", "/console/deals", 405),
        ("GET", "/console/nope", 404),
        ("GET", "/console/nope/", 404),
        ("GET", "/console/assets/none/app/main.js", 404),
    ],
)
def test_every_answer_below_the_path_has_the_policy(client: FlaskClient, method: str, path: str, status: int) -> None:
    answer = client.open(path, method=method)
    assert answer.status_code == status
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'self'")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_what_is_not_the_consoles_has_no_policy_of_it(client: FlaskClient) -> None:
    assert "Content-Security-Policy" not in client.get("/consoles").headers


def test_the_modules_of_a_page_are_those_that_it_imports_and_they_exist() -> None:
    assets = read_assets(STATIC)
    everything = set()
    for page in ("deals", "deal", "activity", "syncs", "cache", "status"):
        modules = assets.modules(page)
        assert {"app/main.js", "vendor/preact.js", f"{page}/page.js"} <= set(modules) <= assets.files.keys()
        everything |= set(modules)
    for path in list(everything):
        late = re.findall(r'import\("(\.[^"]+)"\)', assets.files[path].content.decode())
        everything |= {normpath(join(dirname(path), place)) for place in late}
    assert everything <= assets.files.keys()
    # What no page imports is dead; uPlot is fetched by the part that draws with it.
    assert {path for path in assets.files if path.endswith(".js")} - everything == {"vendor/uplot.js"}


def test_assets_of_another_release_are_unknown(client: FlaskClient) -> None:
    (main,) = {place for place in ASSET.findall(client.get("/console/deals").text) if place.endswith("main.js")}
    digest = main.split("/")[3]
    for place in (main.replace(digest, "0" * 16), main.replace("main.js", "none.js"), main + "/"):
        assert client.get(place).status_code == 404
    for outside in ("../__init__.py", "vendor/packages.json", "vendor/htm.LICENSE"):
        assert client.get(f"/console/assets/{digest}/{outside}").status_code == 404


def test_behind_a_proxy_that_takes_a_path_off_everything_bears_it() -> None:
    client = client_of("/sales")
    assert client.get("/console/").headers["Location"] == "/sales/console/deals"
    page = client.get("/console/deals").text
    assert 'data-base="/sales"' in page
    assert all(place.startswith("/sales/") for place in ASSET.findall(page))


def test_another_content_gives_another_digest(tmp_path: Path) -> None:
    digests = set()
    for name, content in (("a.js", "1"), ("a.js", "2"), ("b.js", "2")):
        for path in tmp_path.iterdir():
            path.unlink()
        (tmp_path / name).write_text(content)
        digests.add(read_assets(tmp_path).digest)
    assert len(digests) == 3


def test_no_module_reaches_elsewhere_or_makes_code_of_text() -> None:
    for path in STATIC.rglob("*.js"):
        text = path.read_text("utf-8")
        if path.parent.name != "vendor":
            assert not re.findall(
                r"innerHTML|dangerouslySet|\beval\(|new Function|import\s*\(?\"https?:|\bstyle=", text
            ), path
            # A link for people to HubSpot's own page of a deal; nothing is fetched from there.
            places = set(re.findall(r"https?://[\w.-]+", text)) - {"http://www.w3.org"}
            assert places <= {"https://app.hubspot.com"}, path


def test_the_files_of_one_page_are_small_enough() -> None:
    assets = read_assets(STATIC)
    for page in ("deals", "deal", "syncs", "cache", "status"):
        paths = [*assets.styles(page), *assets.modules(page), "favicon.svg"]
        paths += ["vendor/uplot.js", "vendor/uplot.css"] * (page == "cache")
        size = sum(len(assets.files[path].content) for path in paths)
        assert size < 150_000, f"{page} has {size} bytes"


def test_every_vendored_file_has_a_licence_and_is_named() -> None:
    packages = vendored()
    named = {name for package in packages for name in package.files.values()}
    assert {path.name for path in (STATIC / "vendor").iterdir()} == named | {"packages.json"}
    assert all(any(name.endswith("LICENSE") for name in package.files.values()) for package in packages)
    assert all(package.integrity.startswith("sha512-") for package in packages)
