"""The indexes, each with the question that it answers.

A changed definition gets a new name: MongoDB refuses to create an existing name with other fields, and a worker of the
previous release may still be running.
"""

from __future__ import annotations

import pymongo
from pymongo import ASCENDING, DESCENDING, IndexModel

from dealcache.repositories.connection import Connection

_DAY_SECONDS = 86_400
_JOB_SECONDS = 30 * _DAY_SECONDS  # after the job's end
_EVENT_SECONDS = 3 * _DAY_SECONDS  # after the event's arrival; HubSpot repeats a delivery for one day
_LEASE_SECONDS = 60  # after its end; longer than anybody who waited takes to look
_WORKER_SECONDS = 600  # after the last sign of life of a worker that died
_EXCHANGE_SECONDS = 60  # after a question or an answer that nobody came for
_BUILD_SECONDS = 300.0  # the first build over a large collection takes longer than any read may

INDEXES: dict[str, tuple[IndexModel, ...]] = {
    "deal_info": (
        IndexModel([("deal_id", ASCENDING)], name="deal", unique=True),
        IndexModel([("deal_name_key", ASCENDING)], name="name"),
        IndexModel([("stage_id", ASCENDING), ("create_date", DESCENDING), ("deal_id", ASCENDING)], name="stage"),
        IndexModel([("create_date", DESCENDING), ("deal_id", ASCENDING)], name="newest_created"),
        IndexModel([("merged_ids", ASCENDING)], name="merged"),
        # Answers which deals' associations are due to be read again, from the index alone.
        IndexModel(
            [
                ("associations_read_at", ASCENDING),
                ("stage_id", ASCENDING),
                ("archived", ASCENDING),
                ("deal_id", ASCENDING),
            ],
            name="stalest",
        ),
        IndexModel([("archived_at", ASCENDING)], name="archived", partialFilterExpression={"archived": True}),
    ),
    "deal_timeline": (
        IndexModel(
            [("deal_id", ASCENDING), ("engagement_type", ASCENDING), ("engagement_id", ASCENDING)],
            name="engagement_of_deal",
            unique=True,
        ),
        # ``type`` at the end lets the counts by type and the extent be answered from the index alone.
        IndexModel(
            [("deal_id", ASCENDING), ("occurred_at", ASCENDING), ("engagement_id", ASCENDING), ("type", ASCENDING)],
            name="timeline",
        ),
        # ``deal_id`` at the end lets the deals of an engagement be answered from the index alone.
        IndexModel(
            [("engagement_type", ASCENDING), ("engagement_id", ASCENDING), ("deal_id", ASCENDING)],
            name="deals_of_engagement",
        ),
    ),
    "pipelines": (IndexModel([("pipeline_id", ASCENDING)], name="pipeline", unique=True),),
    "sync_jobs": (
        # Two that forbid: to queue what is queued or running already, and to run two jobs at once.
        IndexModel([("active_identity", ASCENDING)], name="active_identity", unique=True, sparse=True),
        IndexModel([("status", ASCENDING)], name="running", unique=True, partialFilterExpression={"status": "running"}),
        IndexModel([("status", ASCENDING), ("created_at", DESCENDING)], name="newest_of_status"),
        IndexModel([("created_at", DESCENDING)], name="newest"),
        IndexModel([("finished_at", ASCENDING)], name="expiry", expireAfterSeconds=_JOB_SECONDS),
    ),
    "webhook_events": (
        IndexModel([("pending", ASCENDING), ("arrived_at", ASCENDING)], name="pending", sparse=True),
        IndexModel([("arrived_at", ASCENDING)], name="expiry", expireAfterSeconds=_EVENT_SECONDS),
    ),
    "load_leases": (IndexModel([("held_until", ASCENDING)], name="expiry", expireAfterSeconds=_LEASE_SECONDS),),
    "workers": (IndexModel([("seen_at", ASCENDING)], name="expiry", expireAfterSeconds=_WORKER_SECONDS),),
    "stats_questions": (
        IndexModel([("owner", ASCENDING), ("asked_at", ASCENDING)], name="oldest_of_worker"),
        IndexModel([("question", ASCENDING)], name="question"),
        IndexModel([("asked_at", ASCENDING)], name="expiry", expireAfterSeconds=_EXCHANGE_SECONDS),
    ),
    "stats_answers": (
        IndexModel([("question", ASCENDING)], name="question"),
        IndexModel([("answered_at", ASCENDING)], name="expiry", expireAfterSeconds=_EXCHANGE_SECONDS),
    ),
}


def ensure_indexes(connection: Connection) -> None:
    """Create the indexes that are missing. Does nothing when all are there; several workers may call it at once.

    Args:
        connection: the database.

    Raises:
        StoreUnavailable: MongoDB does not answer; call again later.
        StoreError: MongoDB refused, for example because a collection holds duplicates.
    """
    with connection.operation() as database:
        # The longer time-out below would hold for choosing a server too, and with it when there is none.
        database.command("ping")
        with pymongo.timeout(_BUILD_SECONDS):
            for collection, models in INDEXES.items():
                database[collection].create_indexes(list(models))
