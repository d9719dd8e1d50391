"""What the hit lane promises beside speed: that nobody else's request stands in a hit's way, nor a hit in theirs.

The lane is the event loop of the service's worker, which answers fresh memory hits itself (``HIT_LANE``); each worker
keeps to one core (``CPU_AFFINITY``).
"""
