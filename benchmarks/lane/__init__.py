"""The promises of the hit lane beside speed: other requests never hold up a hit, nor does a hit hold up others.

The lane is the event loop of the service's worker, which answers fresh memory hits itself (``HIT_LANE``); each worker
keeps to one core (``CPU_AFFINITY``).
"""
