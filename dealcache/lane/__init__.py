"""The hit lane: answers fresh hits of the memory tier from the bytes of a request, without a thread and without Flask.

It is an optimisation and nothing more. A request that is unusual in any way goes to a thread; for all others, both ways
give the same status, headers and body except for dates, ids and durations. A test compares them over thousands of
generated requests. ``HIT_LANE=off`` switches it off.
"""
