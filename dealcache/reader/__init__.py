"""The read path: tiers in order, single flight, staleness policy, fencing."""

from dealcache.reader.answer import Answer, Mode, Outcome, Step
from dealcache.reader.batch import BatchAnswer, BatchReader
from dealcache.reader.batch_fetcher import BatchFetcher
from dealcache.reader.entries import EntryMaker
from dealcache.reader.fence import Fence, Token
from dealcache.reader.fetcher import Fetcher
from dealcache.reader.flight import FlightTimeoutError, SingleFlight
from dealcache.reader.gate import Gate, TooManyWaitingError
from dealcache.reader.heartbeat import Heartbeat
from dealcache.reader.hubspot import HubSpotBatch, HubSpotLoad, HubSpotSource
from dealcache.reader.journal import Applied, Journal
from dealcache.reader.mongodb import MongoSource, TimelineNotSyncedError
from dealcache.reader.policy import Policy
from dealcache.reader.reader import DealReader
from dealcache.reader.retreat import Retreat
from dealcache.reader.shared_batch import SharedBatch
from dealcache.reader.shared_flight import SharedFlight
from dealcache.reader.state import ReaderState
from dealcache.reader.tiered_cache import TieredCache
from dealcache.reader.trust import Trust

__all__ = [
    "Answer",
    "Applied",
    "BatchAnswer",
    "BatchFetcher",
    "BatchReader",
    "DealReader",
    "EntryMaker",
    "Fence",
    "Fetcher",
    "FlightTimeoutError",
    "Gate",
    "Heartbeat",
    "HubSpotBatch",
    "HubSpotLoad",
    "HubSpotSource",
    "Journal",
    "Mode",
    "MongoSource",
    "Outcome",
    "Policy",
    "ReaderState",
    "Retreat",
    "SharedBatch",
    "SharedFlight",
    "SingleFlight",
    "Step",
    "TieredCache",
    "TimelineNotSyncedError",
    "Token",
    "TooManyWaitingError",
    "Trust",
]
