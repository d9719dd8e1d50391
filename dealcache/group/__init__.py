"""What makes several workers on several hosts one service: each hears what the others invalidate, and what they hold.

The record of invalidations stands in MongoDB, which all of them need anyway; Redis, where there is one, only makes it
quick. A worker writes through its :class:`Journal`; what follows the others runs in
threads that :class:`Group` starts. :class:`Presence` knows who is there, :class:`Survey` asks all what they hold.
"""

from dealcache.group.colleagues import Colleagues
from dealcache.group.journal import Journal
from dealcache.group.observer import Observer
from dealcache.group.parts import Group
from dealcache.group.presence import Presence
from dealcache.group.survey import Survey

__all__ = ["Colleagues", "Group", "Journal", "Observer", "Presence", "Survey"]
