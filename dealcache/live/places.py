"""How many clients one worker may have: as many as it can have files open, and no more than is reasonable."""

from __future__ import annotations

import resource

#: The most clients of one worker.
MOST_CLIENTS = 5000

#: Files that a worker may need for everything else: a thousand HTTP connections, and those to MongoDB, Redis, HubSpot.
_OTHER_FILES = 1500


def make_room() -> int:
    """Raise this process's limit on open files as far as is allowed and needed, and say how many clients fit into it.

    The usual soft limit, 1,024, is there for programs that use ``select(2)``; this one does not.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CLIENTS + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return places_within(soft)


def places_within(files: int) -> int:
    """How many clients there may be when so many files may be open: a quarter at least, the rest of them at most."""
    if files == resource.RLIM_INFINITY:
        return MOST_CLIENTS
    return min(MOST_CLIENTS, max(files - _OTHER_FILES, files // 4))
