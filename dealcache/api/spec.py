"""The OpenAPI description, its documentation page, and errors as problem+json."""

from __future__ import annotations

import errno
import re
import threading
from collections.abc import Iterator
from typing import Any

import flask
from flask_smorest import Api, Blueprint
from flask_smorest.spec import openapi_cli
from werkzeug.exceptions import HTTPException

from dealcache import __version__
from dealcache.api.failures import FAILURES, problem_of
from dealcache.api.problems import CONTENT_TYPE, Problem, invalid
from dealcache.api.query import PATHS, InvalidQueryError
from dealcache.api.responses import problem_response
from dealcache.api.schemas import ProblemSchema
from dealcache.api.streaming import CSV, NDJSON
from dealcache.reader.question_errors import QuestionError
from dealcache.reader.timeline_filter import InvalidCursorError

Description = dict[str, Any]

_IF_NONE_MATCH: Description = {
    "name": "If-None-Match",
    "in": "header",
    "schema": {"type": "string"},
    "description": "The `ETag` of the copy that the client has; 304 when it is current.",
}
_CACHE_CONTROL: Description = {
    "name": "Cache-Control",
    "in": "header",
    "schema": {"type": "string"},
    "description": "`no-cache`: skip the cache tiers and ask MongoDB.",
}
_REQUEST_ID: Description = {
    "X-Request-ID": {
        "description": "The caller's request id if it looked sane, else one of our own.",
        "schema": {"type": "string"},
    }
}

#: The other formats of an answer that is available as a file.
_FILES: Description = {kind.partition(";")[0]: {"schema": {"type": "string"}} for kind in (CSV, NDJSON)}

#: Paths on which no deal needs to be named.
_DEAL_OPTIONAL = {"/api/hubspot/clear-endpoint-cache"}

#: Paths on which ``Cache-Control`` of the request counts.
_CACHE_CONTROL_COUNTS = {*PATHS, "/api/hubspot/deals-batch"}


def corrected(description: Description) -> Description:
    """Correct flask-smorest's description where its own means are not enough; ``description`` itself is changed."""
    for response in description.get("components", {}).get("responses", {}).values():
        _say_problem_json(response)
    for path, operation in _operations(description):
        parameters = operation.get("parameters", [])
        if path not in _DEAL_OPTIONAL:
            parameters = _one_way_to_name_a_deal(parameters)
        for parameter in parameters:
            _say_names_begin_alike(parameter)
        if "304" in operation["responses"]:
            parameters = [*parameters, _IF_NONE_MATCH]
        if path in _CACHE_CONTROL_COUNTS:
            parameters = [*parameters, _CACHE_CONTROL]
        operation["parameters"] = parameters
        if any(one.get("name") == "format" for one in parameters):
            operation["responses"]["200"]["content"] |= _FILES
        for response in operation["responses"].values():
            if "$ref" not in response:
                response.setdefault("headers", {}).update(_REQUEST_ID)
    return description


def _operations(description: Description) -> Iterator[tuple[str, Description]]:
    for path, item in description["paths"].items():
        for operation in item.values():
            if isinstance(operation, dict):
                yield path, operation


def _say_problem_json(response: Description) -> None:
    """Correct the content type of flask-smorest's own error answers, which it declares as plain JSON."""
    content = response.get("content", {})
    if "application/json" in content:
        response["content"] = {CONTENT_TYPE: content["application/json"]}


def _one_way_to_name_a_deal(parameters: list[Any]) -> list[Any]:
    """Declare that one of ``dealName`` and ``dealId`` is required, which two separate parameters cannot express.

    An exploded object of style ``form`` means its properties, each a parameter of its name (OpenAPI 3.1, "Style
    Values").
    """
    by_name = {one["name"]: one for one in parameters if isinstance(one, dict) and "name" in one}
    if not {"dealName", "dealId"} <= by_name.keys():
        return parameters
    properties = {
        name: by_name[name]["schema"] | {"description": by_name[name].get("description", "")}
        for name in ("dealName", "dealId")
    }
    deal = {
        "name": "deal",
        "in": "query",
        "required": True,
        "style": "form",
        "explode": True,
        "description": "Names the deal: `dealName` or `dealId`, each a parameter of its own.",
        # Each alternative with its properties: tools that make types look for them there.
        "schema": {
            "type": "object",
            "anyOf": [{"type": "object", "properties": properties, "required": [name]} for name in properties],
        },
        "example": {"dealName": "Acme renewal"},
    }
    return [deal, *(one for one in parameters if one not in (by_name["dealName"], by_name["dealId"]))]


def _say_names_begin_alike(parameter: Description) -> None:
    """Declare each value of an object as a parameter of its own, as above: all that is known is how its name begins."""
    schema = parameter.get("schema", {})
    if isinstance(schema.get("additionalProperties"), dict):
        beginning = re.escape(f"{parameter['name']}.")
        schema["propertyNames"] = {"pattern": f"^{beginning}[a-z][a-z0-9_]*$"}
        schema["additionalProperties"] = schema["additionalProperties"]["items"]
        parameter.update(style="form", explode=True)


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
        self._app.register_error_handler(InvalidQueryError, lambda error: problem_response(invalid(error.errors)))
        self._app.register_error_handler(QuestionError, lambda error: _invalid(error.parameter, str(error)))
        self._app.register_error_handler(InvalidCursorError, lambda error: _invalid("cursor", f"{error}."))

    def _openapi_json(self) -> flask.Response:
        with self._making:
            if self._corrected is None:
                self._corrected = corrected(self.spec.to_dict())
        return flask.jsonify(self._corrected)

    def _openapi_swagger_ui(self) -> flask.Response:
        page = flask.render_template("swagger_ui.html", title=self.config["API_TITLE"])
        return flask.Response(page, headers={"Content-Security-Policy": _PAGE_POLICY})


def _invalid(parameter: str, message: str) -> flask.Response:
    return problem_response(invalid({parameter: [message]}))


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
