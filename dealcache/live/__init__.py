"""Live updates: WebSocket clients are notified of changed deals.

An :class:`Announcer` turns changes into messages; the :class:`Hub` serves all clients from one thread.
"""

from dealcache.live.announcer import Announcer
from dealcache.live.client import Client
from dealcache.live.hub import Hub
from dealcache.live.subscription import Subscription
