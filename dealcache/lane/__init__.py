"""The hit lane: answers fresh hits of the memory tier from the bytes of a request, without a thread and without Flask.

It is an optimisation and nothing more. It leaves what is unusual about a request in any way to a thread; and for what
it answers, both ways give the same status, headers and body but for dates, ids and durations. A test compares them over
thousands of generated requests. ``HIT_LANE=off`` switches it off.
"""
