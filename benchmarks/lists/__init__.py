"""``make bench-lists``: how fast lists of deals are, and what they do to cached reads beside them."""

from benchmarks import machine

#: The core of the service alone, and those of all others; looked up before anything is pinned.
SERVER_CORE, OTHER_CORES = machine.server_core(), machine.client_cores()
