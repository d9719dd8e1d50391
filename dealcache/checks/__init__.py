"""The checks of ``dealcache check``: facts are gathered side by side, and findings follow from them by pure functions.

A fact is the value that a dependency gave, the error that it led to, or :data:`.facts.NO_ANSWER`.
"""
