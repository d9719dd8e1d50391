"""Kept for the command ``python -m dealcache.embedded`` of earlier versions; see ``dealcache.sandbox.embedded``."""
