"""The OpenAPI description, its documentation page, and errors as problem+json."""

from __future__ import annotations

from typing import Any

import flask
from flask_smorest import Api
from werkzeug.exceptions import HTTPException

from dealcache import __version__
from dealcache.api.description import corrected
from dealcache.api.failures import FAILURES, problem_of
from dealcache.api.problems import Problem, invalid
from dealcache.api.query import InvalidQueryError
from dealcache.api.responses import problem_response
from dealcache.api.schemas import ProblemSchema

_DETAILS = {
    404: "There is no such path; /api/docs lists those there are.",
    405: "This path does not take that method.",
    413: "The request is larger than this service takes.",
    500: "Something went wrong inside the service.",
}

#: Nothing from another host, nothing inline: the page runs our own files only. Swagger UI sets styles by script.
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'"
)


class ProblemApi(Api):
    """flask-smorest's Api, with errors as problem+json and a documentation page of our own files."""

    ERROR_SCHEMA = ProblemSchema

    def handle_http_exception(self, error: HTTPException) -> flask.Response:
        """Turn what Flask raises into a problem."""
        if error.code is None or error.code < 400:
            return flask.Response(error.get_response().get_data(), status=error.code, headers=error.get_headers())
        errors = _validation_errors(error)
        if errors:
            return problem_response(invalid(errors))
        kept = {name: value for name, value in error.get_headers() if name in {"Allow", "Retry-After"}}
        detail = _DETAILS.get(error.code) or error.description or error.name
        return problem_response(Problem(error.code, detail, headers=kept))

    def _register_error_handlers(self) -> None:
        super()._register_error_handlers()
        for failure in FAILURES:
            self._app.register_error_handler(failure, lambda error: problem_response(problem_of(error)))
        self._app.register_error_handler(InvalidQueryError, lambda error: problem_response(invalid(error.errors)))

    def _openapi_json(self) -> flask.Response:
        return flask.jsonify(corrected(self.spec.to_dict()))

    def _openapi_swagger_ui(self) -> flask.Response:
        page = flask.render_template("swagger_ui.html", title=self.spec.title)
        return flask.Response(page, headers={"Content-Security-Policy": _PAGE_POLICY})


def _validation_errors(error: HTTPException) -> dict[str, list[str]]:
    """webargs' messages without their first level, the place that the parameters came from.

    What is wrong with an item of a list in a body is told by its place in the list, from 0: ``deal_names.3``.
    """
    messages = (getattr(error, "data", None) or {}).get("messages") or {}
    errors: dict[str, list[str]] = {}
    for place, fields in messages.items():
        if isinstance(fields, list):
            errors[place] = fields
            continue
        for name, texts in fields.items():
            if place == "json" and isinstance(texts, dict):
                errors |= {f"{name}.{item}": _flat(inner) for item, inner in texts.items()}
            else:
                errors[name] = _flat(texts)
    return errors


def _flat(texts: Any) -> list[str]:
    """Messages of a list parameter come under the places of its items."""
    if isinstance(texts, dict):
        return sorted({text for inner in texts.values() for text in _flat(inner)})
    return list(texts) if isinstance(texts, list) else [str(texts)]


def spec_config(secured: bool) -> dict[str, Any]:
    """Flask configuration of the description; ``secured`` tells whether tokens are asked for."""
    options: dict[str, Any] = {
        "info": {
            "description": "A deal's activities and timeline from memory, MongoDB or HubSpot.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "components": {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}},
    }
    if secured:
        options["security"] = [{"bearer": []}]
    return {
        "API_TITLE": "dealcache",
        "API_VERSION": __version__,
        "OPENAPI_VERSION": "3.1.0",
        "OPENAPI_URL_PREFIX": "/api",
        "OPENAPI_JSON_PATH": "openapi.json",
        "OPENAPI_SWAGGER_UI_PATH": "/docs",
        "OPENAPI_SWAGGER_UI_URL": "/api/docs/assets/",
        "API_SPEC_OPTIONS": options,
    }
