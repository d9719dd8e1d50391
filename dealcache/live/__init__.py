"""Live updates: WebSocket clients hear which deals changed.

Wiring, from the bottom up: :class:`Hub`, which serves all clients from one thread, ``Announcer``, which makes messages
out of changes, and :class:`LiveUpdates`, both of them.
"""

from dealcache.live.client import Client
from dealcache.live.hub import Hub
from dealcache.live.live_updates import LiveUpdates
from dealcache.live.subscription import Subscription

__all__ = ["Client", "Hub", "LiveUpdates", "Subscription"]
