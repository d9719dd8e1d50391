"""Kept for the command ``python -m dealcache.simulator`` of earlier versions; see ``dealcache.sandbox.simulator``."""
