"""Loads a running service as its users would, and reports what they saw: ``python -m benchmarks.load``.

The loop is open: page views arrive by chance, so many a second on average, whether or not earlier ones have been
answered, and each is timed from the moment at which it was due. Generators that wait for an answer before they ask
again ask less as soon as a service is slow, and so hide what its users would wait.
"""
