"""The read path: tiers in order, single flight, staleness policy, fencing."""

from dealcache.reader.answer import Answer, Mode, Outcome, Step
from dealcache.reader.entries import EntryMaker
from dealcache.reader.flight import FlightTimeoutError, SingleFlight
from dealcache.reader.gate import Gate, TooManyWaitingError
from dealcache.reader.hubspot import HubSpotSource
from dealcache.reader.mongodb import MongoSource, TimelineNotSyncedError
from dealcache.reader.policy import Policy
from dealcache.reader.reader import DealReader

__all__ = [
    "Answer",
    "DealReader",
    "EntryMaker",
    "FlightTimeoutError",
    "Gate",
    "HubSpotSource",
    "Mode",
    "MongoSource",
    "Outcome",
    "Policy",
    "SingleFlight",
    "Step",
    "TimelineNotSyncedError",
    "TooManyWaitingError",
]
