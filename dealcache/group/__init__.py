"""What makes several workers on several hosts one service: each hears what the others invalidate.

The record of invalidations stands in MongoDB, which all of them need anyway; Redis, where there is one, only makes it
quick. A worker writes through its :class:`Journal`; what follows the others runs in
threads that :class:`Group` starts.
"""

from dealcache.group.journal import Journal
from dealcache.group.parts import Group

__all__ = ["Group", "Journal"]
