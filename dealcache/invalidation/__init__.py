"""Invalidations: each process publishes its own and applies those of all.

Their log is kept in MongoDB, which every process needs anyway; Redis, if there is one, only makes them quicker.
"""
