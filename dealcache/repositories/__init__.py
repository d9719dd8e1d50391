"""MongoDB: the deals, their events and the pipelines, and the rules by which they are written.

Nothing else in the project reads or writes documents. Every operation raises :class:`StoreError`, or
:class:`StoreUnavailable` when MongoDB cannot be asked at all; the driver's own exceptions end here.
"""

from dealcache.repositories.breaker import Breaker
from dealcache.repositories.connection import Connection
from dealcache.repositories.deal_info import DealInfoRepository, StageSummary
from dealcache.repositories.deal_store import DealStore
from dealcache.repositories.deal_timeline import DealTimelineRepository, Extent
from dealcache.repositories.documents import StoredDeal
from dealcache.repositories.errors import StoreError, StoreUnavailable
from dealcache.repositories.indexes import ensure_indexes
from dealcache.repositories.pipelines import PipelineRepository

__all__ = [
    "Breaker",
    "Connection",
    "DealInfoRepository",
    "DealStore",
    "DealTimelineRepository",
    "Extent",
    "PipelineRepository",
    "StageSummary",
    "StoreError",
    "StoreUnavailable",
    "StoredDeal",
    "ensure_indexes",
]
