"""dealcache answers for HubSpot: a deal's activities from memory, then MongoDB, then HubSpot."""

__version__ = "1.0.0"
