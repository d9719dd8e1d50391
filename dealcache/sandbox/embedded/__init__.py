"""The stand-ins that ``make run`` starts when nothing is configured: a real mongod, and a simulator as HubSpot.

Of the service itself nothing here is imported, and the service knows nothing of this package: it finds everything in
the environment, as in production.
"""

from dealcache.sandbox.embedded.mongod import (
    DataDirectoryInUseError,
    Mongod,
    MongodNotFoundError,
    MongodStartError,
    find_mongod,
)
