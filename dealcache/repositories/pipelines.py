"""The collection ``pipelines``: one document per deal pipeline, with its stages."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from dealcache.deals import Pipeline
from dealcache.repositories.connection import Connection
from dealcache.repositories.documents import milliseconds, pipeline_fields, read_all, to_pipeline
from dealcache.repositories.newest_wins import newest_wins, write_all


class PipelineRepository:
    """Reads and writes pipelines. Every method raises StoreError or StoreUnavailable when MongoDB fails.

    Args:
        connection: the database.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def save(self, pipelines: Iterable[Pipeline], at: datetime) -> None:
        """Make the stored pipelines these; those that are gone from HubSpot are deleted, newer ones are left alone.

        Args:
            pipelines: all pipelines, as HubSpot gave them.
            at: the time just before HubSpot was asked.
        """
        synced_at = milliseconds(at)
        updates = [newest_wins(["pipeline_id"], pipeline_fields(pipeline), synced_at) for pipeline in pipelines]
        with self._connection.operation() as database:
            write_all(database.pipelines, updates)
            database.pipelines.delete_many({"synced_at": {"$lt": synced_at}})

    def all(self) -> list[Pipeline]:
        """All pipelines in display order, then by id."""
        order = [("display_order", 1), ("pipeline_id", 1)]
        with self._connection.operation() as database:
            documents = database.pipelines.find({}, sort=order).to_list()
        return read_all("pipelines", to_pipeline, documents)
