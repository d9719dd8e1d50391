"""MongoDB: deals, their events, pipelines, jobs, webhook events and leases, and the rules by which they are written.

Nothing else in the project reads or writes documents. Every operation raises :class:`StoreError`, or
:class:`StoreUnavailable` when MongoDB cannot be asked at all; the driver's own exceptions end here.
"""

from dealcache.repositories.connection import Connection
from dealcache.repositories.deal_info import DealInfoRepository, StageSummary
from dealcache.repositories.deal_store import DealStore
from dealcache.repositories.deal_timeline import DealTimelineRepository, Totals
from dealcache.repositories.documents import StoredDeal
from dealcache.repositories.errors import StoreError, StoreUnavailable
from dealcache.repositories.indexes import ensure_indexes
from dealcache.repositories.invalidation_feed import InvalidationFeed
from dealcache.repositories.invalidation_log import MOST_MARKS, HistoryLostError, InvalidationLog
from dealcache.repositories.job_leases import LeaseState
from dealcache.repositories.load_leases import LoadEnd, LoadLease, LoadLeaseRepository, LoadResult
from dealcache.repositories.pipelines import PipelineRepository
from dealcache.repositories.stats_exchange import StatsExchange
from dealcache.repositories.sync_jobs import Cancellation, SyncJobRepository
from dealcache.repositories.sync_state import SyncState, SyncStateRepository
from dealcache.repositories.webhook_events import EventClaim, WebhookEventRepository
from dealcache.repositories.workers import WorkerRegistry

__all__ = [
    "MOST_MARKS",
    "Cancellation",
    "Connection",
    "DealInfoRepository",
    "DealStore",
    "DealTimelineRepository",
    "EventClaim",
    "HistoryLostError",
    "InvalidationFeed",
    "InvalidationLog",
    "LeaseState",
    "LoadEnd",
    "LoadLease",
    "LoadLeaseRepository",
    "LoadResult",
    "PipelineRepository",
    "StageSummary",
    "StatsExchange",
    "StoreError",
    "StoreUnavailable",
    "StoredDeal",
    "SyncJobRepository",
    "SyncState",
    "SyncStateRepository",
    "Totals",
    "WebhookEventRepository",
    "WorkerRegistry",
    "ensure_indexes",
]
