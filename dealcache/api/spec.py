"""The OpenAPI description, its documentation page, and errors as problem+json."""

from __future__ import annotations

import errno
import threading
from typing import Any

import flask
from flask_smorest import Api, Blueprint
from flask_smorest.spec import openapi_cli
from werkzeug.exceptions import HTTPException

from dealcache import __version__
from dealcache.api.documentation import Description, corrected
from dealcache.api.problems import FAILURES, Problem, invalid, problem_of
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


class ProblemApi(Api):
    """flask-smorest's Api, with errors as problem+json and a documentation page of our own files.

    The description is made on the first request for it: that takes as long as the rest of the application's start, and
    most processes never get such a request.
    """

    ERROR_SCHEMA = ProblemSchema

    def __init__(self, app: flask.Flask) -> None:
        self._described: list[Blueprint] = []
        self._making = threading.RLock()
        self._corrected: Description | None = None
        super().__init__(app)
        app.cli.add_command(openapi_cli)

    @property
    def spec(self) -> Any:
        """The description."""
        with self._making:
            if self._spec is None:
                super()._init_spec()
                self._describe(self._spec)
            return self._spec

    @spec.setter
    def spec(self, spec: Any) -> None:
        self._spec = spec

    def register_blueprint(self, blueprint: Blueprint) -> None:
        """Register a blueprint with the application now, and in the description once there is one."""
        self._app.extensions["flask-smorest"]["blp_name_to_api"][blueprint.name] = self
        self._app.register_blueprint(blueprint)
        self._described.append(blueprint)

    def _init_spec(self) -> None:
        """Leave it to :attr:`spec`."""

    def _describe(self, spec: Any) -> None:
        for blueprint in self._described:
            blueprint.register_views_in_doc(self, self._app, spec, name=blueprint.name, parameters=None)
            spec.tag({"name": blueprint.name, "description": blueprint.description})

    def handle_http_exception(self, error: HTTPException) -> flask.Response:
        """Turn an exception of Flask into a problem."""
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
        self._app.register_error_handler(OSError, _no_descriptors)
        self._app.register_error_handler(
            QuestionError, lambda error: problem_response(invalid({error.parameter: [str(error)]}))
        )

    def _openapi_json(self) -> flask.Response:
        with self._making:
            if self._corrected is None:
                self._corrected = corrected(self.spec.to_dict())
        return flask.jsonify(self._corrected)

    def _openapi_swagger_ui(self) -> flask.Response:
        page = flask.render_template("swagger_ui.html", title=self.config["API_TITLE"])
        return flask.Response(page, headers={"Content-Security-Policy": _PAGE_POLICY})


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


def spec_config(secured: bool) -> dict[str, Any]:
    """Return Flask's configuration for the description; ``secured`` if tokens are required."""
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
