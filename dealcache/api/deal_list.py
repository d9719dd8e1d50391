"""The list of deals: ``GET /api/hubspot/v2/deal-list``, page by page or as a file, from MongoDB alone."""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import RAISE

from dealcache.api.deal_list_parameters import DealListQuery
from dealcache.api.deal_list_schemas import DealListSchema
from dealcache.api.documentation import STORE_FAILURE, documented
from dealcache.api.exports import export_response
from dealcache.api.problems import invalid
from dealcache.api.responses import json_response, problem_response
from dealcache.api.services import services
from dealcache.api.strict_blueprint import StrictBlueprint
from dealcache.reader.deal_resolution import UnknownLabelError
from dealcache.reader.timeline_filter import InvalidCursorError

blueprint = StrictBlueprint(
    "deal_list", __name__, url_prefix="/api/hubspot/v2", description="Deals to look through, filter and take away."
)


@blueprint.route("/deal-list")
@blueprint.arguments(DealListQuery(), location="query", unknown=RAISE)  # a misspelt filter would list all deals
@documented(blueprint, DealListSchema, [STORE_FAILURE])
def deal_list(query: dict[str, Any]) -> Response:
    """Return the matching deals, one page of them, or all as a file."""
    lists, question = services().deal_lists, query["question"]
    try:
        if query["format"] != "json":
            lists.check_cursor(question, query.get("cursor"))
            return export_response(query["format"], "deals", lists.columns, lists.batches(question))
        page = lists.page(question, query["limit"], query.get("cursor"))
    except UnknownLabelError as error:
        return problem_response(invalid({error.parameter: [str(error)]}))
    except InvalidCursorError as error:
        return problem_response(invalid({"cursor": [f"{error}."]}))
    content = {"deals": page.rows, "total": page.total.count, "total_amount": page.total.amount}
    return json_response(content if page.next_cursor is None else content | {"next_cursor": page.next_cursor})
