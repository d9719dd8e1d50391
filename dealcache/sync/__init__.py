"""Keeps MongoDB true to HubSpot: jobs that survive a crash, and webhooks.

:class:`Runner` takes up jobs, :class:`Execution` does them: :mod:`.full` by HubSpot's lists, :mod:`.incremental` by
its search, :mod:`.unsearchable` what the search cannot find, :mod:`.selected` some deals; :class:`WebhookWorker` looks
at what webhooks hint at. All of them work with a :class:`Desk`, and read activities by :mod:`.feed`.
"""

from dealcache.sync.crew import Crew
from dealcache.sync.desk import Desk
from dealcache.sync.execution import Execution, SyncPolicy
from dealcache.sync.ledger import Ledger
from dealcache.sync.names import Names
from dealcache.sync.runner import Runner
from dealcache.sync.source import Source
from dealcache.sync.stop import StopSign
from dealcache.sync.webhook_worker import WebhookWorker

__all__ = [
    "Crew",
    "Desk",
    "Execution",
    "Ledger",
    "Names",
    "Runner",
    "Source",
    "StopSign",
    "SyncPolicy",
    "WebhookWorker",
]
