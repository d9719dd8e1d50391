"""The hit lane: answers fresh hits of the memory tier from the bytes of a request, without a thread and without Flask.

It is an optimisation and nothing more. What is unusual about a request in any way makes it decline, and the ordinary
way answers; for what it answers, both ways give the same status, headers and body but for dates, ids and durations. A
test compares them over thousands of generated requests. ``HIT_LANE=off`` switches it off.
"""
