"""``make bench-activities``: how fast the summary of a million activities is, and what keeping its sums costs."""

from benchmarks import machine

#: The core of the service alone, and those of all others; looked up before anything is pinned.
SERVER_CORE, OTHER_CORES = machine.server_core(), machine.client_cores()
