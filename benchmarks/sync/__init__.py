"""Measures what syncing promises: ``python -m benchmarks.sync``.

For accounts of 1,000, 10,000 and 100,000 deals with ten activities each on average: a full load, the same again with
nothing changed, and an incremental sync after a few changes, with limits that nobody reaches; then a full load within
HubSpot's limits. ``flask sync`` runs as an operator starts it, in a process of its own, as do the simulator and mongod;
all three share the machine, so the speeds are those of the three together.
"""
