"""Invalidations: each process publishes its own and applies those of all.

The log of them stands in MongoDB, which every process needs anyway; Redis, where there is one, only makes it quick.
"""
