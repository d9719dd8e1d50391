"""A HubSpot to run at home: the CRM endpoints that a client of deals and activities meets, with demo data.

It is written from HubSpot's documentation and from answers that were recorded, not from what our own client sends.
``python -m dealcache.simulator`` serves it; :class:`Simulator` does so inside a test.
"""

from __future__ import annotations

from dealcache.simulator.access import ALL_SCOPES
from dealcache.simulator.account import UnknownRecord
from dealcache.simulator.calls import Call, CallLog
from dealcache.simulator.dataset import Dataset
from dealcache.simulator.demo import demo_data, demo_deal_id
from dealcache.simulator.faults import Fault, Faults
from dealcache.simulator.ground_truth import Activity, activities_of, live_deals, whole_truth
from dealcache.simulator.limits import Limits
from dealcache.simulator.simulator import Simulator
from dealcache.simulator.site import Behaviour
from dealcache.simulator.webhooks import Delivery, Webhooks

__all__ = [
    "ALL_SCOPES",
    "Activity",
    "Behaviour",
    "Call",
    "CallLog",
    "Dataset",
    "Delivery",
    "Fault",
    "Faults",
    "Limits",
    "Simulator",
    "UnknownRecord",
    "Webhooks",
    "activities_of",
    "demo_data",
    "demo_deal_id",
    "live_deals",
    "whole_truth",
]
