"""The peers of the comparison: small programs that do the same, nginx and Varnish, each as it is usually set up.

All of them are read-through caches of the service's timelines: they answer the same targets, ask the service once, and
keep what it says for a day. ``bare`` alone has nothing behind it.
"""
