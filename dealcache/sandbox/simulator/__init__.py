"""A HubSpot to run at home: the CRM endpoints that a client of deals and activities meets, with demo data.

It is written from HubSpot's documentation and from answers that were recorded, not from what our own client sends.
``python -m dealcache.sandbox.simulator`` serves it; :class:`Simulator` does so inside a test.
"""

from __future__ import annotations

from dealcache.sandbox.simulator.access import ALL_SCOPES
from dealcache.sandbox.simulator.dataset import Dataset
from dealcache.sandbox.simulator.demo import demo_data, demo_deal_id
from dealcache.sandbox.simulator.faults import Fault
from dealcache.sandbox.simulator.ground_truth import activities_of, live_deals, people_of
from dealcache.sandbox.simulator.limits import Limits
from dealcache.sandbox.simulator.poisons import Poison
from dealcache.sandbox.simulator.simulator import Simulator
