"""Says of a deployed service, for one deal, whether it is as fast as promised: ``python -m benchmarks.perf``.

It may be run from afar: what a request to ``/healthz`` takes is measured beside the others and taken off, so that the
verdicts are about the service and not about the way to it. Nothing but Python's own library is needed.
"""
