"""The OpenAPI description, its documentation page, and errors as problem+json."""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterable
from functools import lru_cache, partial
from types import SimpleNamespace
from typing import Any

import flask
from flask_smorest import Api, Blueprint
from flask_smorest.spec import openapi_cli
from werkzeug.exceptions import HTTPException

from dealcache import __version__
from dealcache.api.documentation import Description, corrected
from dealcache.api.problems import CONTENT_TYPE, FAILURES, Problem, invalid, problem_of
from dealcache.api.responses import problem_response
from dealcache.api.schemas import ProblemSchema
from dealcache.reader.question_errors import QuestionError

_DETAILS = {
    404: "There is no such path; /api/docs lists those there are.",
    405: "This path does not take that method.",
    413: "The request is larger than this service takes.",
    500: "Something went wrong inside the service.",
}

#: Nothing from another host, nothing inline: the page runs only our own files. Swagger UI sets styles by script.
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'"
)


class _DescribingApi(Api):
    """flask-smorest's Api, with our errors; all other answers name their content type."""

    ERROR_SCHEMA = ProblemSchema
    DEFAULT_RESPONSE_CONTENT_TYPE = CONTENT_TYPE


def describe(blueprints: Iterable[Blueprint], secured: bool) -> Description:
    """Return the description of blueprints; ``secured`` if tokens are required."""
    options: dict[str, Any] = {
        "title": "dealcache",
        "version": __version__,
        "openapi_version": "3.1.0",
        "info": {
            "description": "A deal's activities and timeline from memory, MongoDB or HubSpot.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "components": {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}},
    }
    if secured:
        options["security"] = [{"bearer": []}]
    # flask-smorest describes blueprints while it registers them, so it gets an application of its own.
    api = _DescribingApi(flask.Flask(__name__), spec_kwargs=options)
    for blueprint in blueprints:
        api.register_blueprint(blueprint)
    return corrected(api.spec.to_dict())


def install_description(app: flask.Flask, blueprints: Iterable[Blueprint], secured: bool) -> None:
    """Add the description of blueprints, and a documentation page of our own files, to an application.

    The description is made on the first request for it: that takes as long as the rest of the application's start, and
    most processes never get such a request.
    """
    pages = flask.Blueprint(
        "docs",
        __name__,
        url_prefix="/api",
        template_folder="templates",
        static_folder="static/swagger-ui",
        static_url_path="/docs/assets",
    )
    make, making = lru_cache(1)(partial(describe, blueprints, secured)), threading.Lock()

    def description() -> Description:
        with making:
            return make()

    @pages.route("/openapi.json")
    def openapi_json() -> flask.Response:
        return flask.jsonify(description())

    @pages.route("/docs")
    def swagger_ui() -> flask.Response:
        page = flask.render_template("swagger_ui.html")
        return flask.Response(page, headers={"Content-Security-Policy": _PAGE_POLICY})

    app.register_blueprint(pages)
    # flask-smorest's command `flask openapi` finds the description here.
    api = SimpleNamespace(spec=SimpleNamespace(to_dict=description))
    app.extensions["flask-smorest"] = {"apis": {"": {"ext_obj": api}}}
    app.cli.add_command(openapi_cli)


def install_problems(app: flask.Flask) -> None:
    """Have an application answer errors with problems."""
    app.register_error_handler(HTTPException, _http_problem)
    for failure in FAILURES:
        app.register_error_handler(failure, lambda error: problem_response(problem_of(error)))
    app.register_error_handler(OSError, _no_descriptors)
    app.register_error_handler(QuestionError, lambda error: problem_response(invalid({error.parameter: [str(error)]})))


def _http_problem(error: HTTPException) -> flask.Response:
    if error.code is None or error.code < 400:
        return flask.Response(error.get_response().get_data(), status=error.code, headers=error.get_headers())
    errors = _validation_errors(error)
    if errors:
        return problem_response(invalid(errors))
    kept = {name: value for name, value in error.get_headers() if name in {"Allow", "Retry-After"}}
    detail = _DETAILS.get(error.code) or error.description or error.name
    return problem_response(Problem(error.code, detail, headers=kept))


def _no_descriptors(error: OSError) -> flask.Response:
    """Answer 503 if no file or connection can be opened because too many are open."""
    if error.errno not in (errno.EMFILE, errno.ENFILE):
        raise error
    detail = "The service has too many files and connections open; try again shortly."
    return problem_response(Problem(503, detail, headers={"Retry-After": "1"}))


def _validation_errors(error: HTTPException) -> dict[str, list[str]]:
    """Return webargs' messages without their first level, the location of the parameters.

    A message about an item of a list in a body names its index, from 0: ``deal_names.3``; one about a parameter whose
    name is known by its beginning alone names it in full: ``property.deal_size``.
    """
    messages = (getattr(error, "data", None) or {}).get("messages") or {}
    errors: dict[str, list[str]] = {}
    for place, fields in messages.items():
        if isinstance(fields, list):
            errors[place] = fields
            continue
        for name, texts in fields.items():
            if isinstance(texts, dict) and (place == "json" or any(isinstance(item, str) for item in texts)):
                errors |= {f"{name}.{item}": _flat(inner) for item, inner in texts.items()}
            else:
                errors[name] = _flat(texts)
    return errors


def _flat(texts: Any) -> list[str]:
    """Return messages as one list; those of a list parameter are keyed by the indexes of its items."""
    if isinstance(texts, dict):
        return sorted({text for inner in texts.values() for text in _flat(inner)})
    return list(texts) if isinstance(texts, list) else [str(texts)]
