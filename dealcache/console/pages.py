"""The console over HTTP: ``/console/`` and its assets.

``/`` leads there. Every page is the same document; its modules do the rest.
"""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Response, abort, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from dealcache.console.assets import read_assets

_PATH = "/console"

#: The pages by the first segment of their paths; a segment more names one deal.
_PAGES = frozenset({"deals", "activity", "syncs", "cache", "status"})
_FIRST = "deals"

#: Scripts, styles, pictures and connections from this service alone, none inline, and no frame around it (CSP level 3).
_POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"

_HEADERS = {"Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin"}
_REVALIDATED = "no-cache"
_FOR_A_YEAR = "public, max-age=31536000, immutable"


def make_blueprint(taken_off: str) -> Blueprint:
    """Return the blueprint of the console.

    Args:
        taken_off: a path that a proxy takes off and browsers have in front of every other; empty for none.
    """
    folder = Path(__file__).parent
    assets = read_assets(folder / "static")
    blueprint = Blueprint("console", __name__, template_folder="templates")
    blueprint.after_app_request(_guarded)

    def base() -> str:
        return taken_off or request.script_root

    # Paths alone, never whole addresses: what browsers call this service is the proxy's affair.
    @blueprint.get("/")
    @blueprint.get(_PATH)
    def root() -> AnyResponse:
        return redirect(f"{base()}{_PATH}/")

    @blueprint.get(f"{_PATH}/")
    def start() -> AnyResponse:
        return redirect(f"{base()}{_PATH}/{_FIRST}")

    @blueprint.get(f"{_PATH}/<path:page>")
    def page(page: str) -> Response:
        name, is_known = _page_of(page)
        response = make_response(
            render_template(
                "console.html",
                base=base(),
                assets=f"{base()}{_PATH}/assets/{assets.digest}",
                styles=assets.styles(name),
                modules=assets.modules(name),
            ),
            200 if is_known else 404,
        )
        response.headers["Cache-Control"] = _REVALIDATED
        response.add_etag()
        response.make_conditional(request.environ)
        return response

    @blueprint.get(f"{_PATH}/assets/<digest>/<path:path>")
    def asset(digest: str, path: str) -> Response:
        found = assets.files.get(path)
        if found is None or digest != assets.digest:
            abort(404)
        response = Response(found.content, content_type=found.media_type)
        response.headers["Cache-Control"] = _FOR_A_YEAR
        return response

    return blueprint


def _guarded(response: Response) -> Response:
    """Give everything below the console's path its policy: refusals, errors and unknown paths, too."""
    path = request.path
    if path == _PATH or path.startswith(f"{_PATH}/"):
        response.headers.update(_HEADERS)
    return response


def _page_of(path: str) -> tuple[str, bool]:
    """Return the folder of the modules that a path needs, and True if there is such a page."""
    first, *rest = path.split("/")
    if first == "deals" and len(rest) == 1:
        return "deal", True
    return first, first in _PAGES and not rest
