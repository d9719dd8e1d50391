"""The read path: tiers in order, single flight, staleness policy, fencing."""

from dealcache.reader.answers import Answer, BatchAnswer, Mode, Step, TierOutcome
from dealcache.reader.bulkhead import Bulkhead, BulkheadFullError
from dealcache.reader.cluster_flight import ClusterFlight
from dealcache.reader.entries import EntryMaker
from dealcache.reader.fence import Fence, Token
from dealcache.reader.fetcher import Fetcher
from dealcache.reader.hubspot import HubSpotLoad, HubSpotSource
from dealcache.reader.invalidation_watermark import InvalidationWatermark
from dealcache.reader.label_directory import LabelDirectory
from dealcache.reader.lease_renewer import LeaseRenewer
from dealcache.reader.load_request import RequestContext
from dealcache.reader.mongodb import MongoSource, TimelineNotSyncedError
from dealcache.reader.policy import StalenessPolicy
from dealcache.reader.reader import DealReader
from dealcache.reader.revalidator import Rereader, RereadOutcome, Revalidator
from dealcache.reader.single_flight import FlightTimeoutError, SingleFlight
from dealcache.reader.state import Applied, ReaderState
from dealcache.reader.sync_watermark import SyncWatermark
from dealcache.reader.throttles import FailSafeThrottle
from dealcache.reader.tiered_cache import TieredCache

__all__ = [
    "Answer",
    "Applied",
    "BatchAnswer",
    "Bulkhead",
    "BulkheadFullError",
    "ClusterFlight",
    "DealReader",
    "EntryMaker",
    "FailSafeThrottle",
    "Fence",
    "Fetcher",
    "FlightTimeoutError",
    "HubSpotLoad",
    "HubSpotSource",
    "InvalidationWatermark",
    "LabelDirectory",
    "LeaseRenewer",
    "Mode",
    "MongoSource",
    "ReaderState",
    "RequestContext",
    "RereadOutcome",
    "Rereader",
    "Revalidator",
    "SingleFlight",
    "StalenessPolicy",
    "Step",
    "SyncWatermark",
    "TierOutcome",
    "TieredCache",
    "TimelineNotSyncedError",
    "Token",
]
