"""Which paths are plain, and what is said when a file cannot be opened."""

from __future__ import annotations

import errno

import pytest
from flask import Flask
from flask_smorest import Blueprint
from werkzeug.test import Client

from dealcache.api.cross_site import Cors
from dealcache.api.edge import Edge, is_plain_path
from tests.unit.api.stands import client_of


@pytest.mark.parametrize(
    ("path", "target", "plain"),
    [
        ("/metrics", "/metrics", True),
        ("/api//deals", "/api//deals", False),
        ("/api/deals/", "/api/deals/", False),
        ("/api/./deals", "/api/./deals", False),
        ("/x/../deals", "/x/../deals", False),
        ("/api/.deals", "/api/.deals", True),
        ("", "http://localhost", True),
        ("/", "/?path=%2F", True),
        ("/a b", "/a%20b", True),
        ("//metrics", "//metrics", False),
        ("///", "///", False),
        ("//metrics", "/%2Fmetrics", False),
        ("/api/deals", "/api%2fdeals", False),
        ("metrics", "metrics", False),
        ("*", "*", False),
        ("localhost:80", "localhost:80", False),
    ],
)
def test_a_plain_path_says_where_its_segments_are(path, target, plain):
    assert is_plain_path(path, target) is plain


@pytest.mark.parametrize(("path", "status"), [("/metrics", 200), ("//metrics", 404), ("metrics", 404)])
def test_another_path_is_none_of_ours(path, status):
    app = Flask("test")
    app.add_url_rule("/metrics", view_func=lambda: "here")
    client = Client(Edge(app.wsgi_app, Cors(frozenset())))
    assert client.get("/", environ_overrides={"PATH_INFO": path, "RAW_URI": path}).status_code == status


@pytest.mark.parametrize(("number", "status"), [(errno.EMFILE, 503), (errno.ENFILE, 503), (errno.EACCES, 500)])
def test_what_cannot_be_opened_for_want_of_descriptors_can_be_asked_for_again(number, status):
    blueprint = Blueprint("files", __name__)

    @blueprint.route("/file")
    def file():
        raise OSError(number, "cannot be opened")

    client = client_of(blueprint)
    client.application.config["PROPAGATE_EXCEPTIONS"] = False
    response = client.get("/file")
    assert response.status_code == status
    assert (response.headers.get("Retry-After") == "1") == (status == 503)
