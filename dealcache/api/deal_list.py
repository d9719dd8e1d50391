"""The list of deals: ``GET /api/hubspot/v2/deal-list``, page by page or as a file, from MongoDB alone."""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import RAISE

from dealcache.api.deal_list_parameters import DealListQuery
from dealcache.api.deal_list_schemas import DealListSchema, PropertyDefinitionSchema
from dealcache.api.documentation import CACHE_CONTROL, ETAG, NOT_MODIFIED, STORE_FAILURE, documented
from dealcache.api.exports import export_response
from dealcache.api.responses import json_response, short_list
from dealcache.api.services import services
from dealcache.api.streaming import Batches, Row, converted
from dealcache.api.strict_blueprint import StrictBlueprint
from dealcache.model.deal_question import PROPERTY
from dealcache.reader.deal_rows import cells
from dealcache.repositories import MOST_INDEXED_PROPERTIES

blueprint = StrictBlueprint(
    "deal_list", __name__, url_prefix="/api/hubspot/v2", description="Deals to look through, filter and take away."
)


@blueprint.route("/deal-list")
@blueprint.arguments(DealListQuery(), location="query", unknown=RAISE)  # a misspelt filter would list all deals
@documented(DealListSchema, [STORE_FAILURE])
def deal_list(query: dict[str, Any]) -> Response:
    """Return the matching deals, one page of them, or all as a file."""
    lists, question = services().deal_lists, query["question"]
    if query["format"] != "json":
        lists.check_cursor(question, query.get("cursor"))
        return _export(query["format"], lists.batches(question))
    page = lists.page(question, query["limit"], query.get("cursor"))
    content = {"deals": page.rows, "total": page.total.count, "total_amount": page.total.amount}
    if amounts := page.total.amounts:
        content["total_amounts"] = amounts
    return json_response(content if page.next_cursor is None else content | {"next_cursor": page.next_cursor})


@blueprint.route("/deal-properties")
@documented(PropertyDefinitionSchema(many=True), [NOT_MODIFIED], ETAG | CACHE_CONTROL)
def deal_properties() -> Response:
    """Return the own properties of deals that are configured and that HubSpot has, in the configured order."""
    indexed = services().own_properties[:MOST_INDEXED_PROPERTIES]
    return short_list(
        [
            {
                "name": one.name,
                "label": one.label,
                "type": one.type,
                "several": one.has_several,
                "indexed": one.name in indexed,
                "options": [{"value": value, "label": label} for value, label in one.options.items()],
            }
            for one in services().deal_lists.properties().values()
        ]
    )


def _export(kind: str, batches: Batches[Row]) -> Response:
    """Return rows as a file; a table has a column for each own property."""
    columns = [PROPERTY + name for name in services().deal_lists.properties()]
    table = converted(batches, cells) if columns and kind == "csv" else batches
    return export_response(kind, "deals", [*services().deal_lists.columns, *columns], table)
