"""Summaries of deals' events for lists: ``activities`` in a deal's document of ``deal_info``.

``activities`` holds ``count`` and the times ``first``, ``last`` (of the events up to now) and ``end`` (of all); and
``next`` if there are events planned for later. For a deal whose events are complete it is correct while the deal has no
mark, see :mod:`.dirty_marks`, and ``next`` is in the future. A deal written by an earlier version lacks it.

Settling a deal means counting its events and removing its mark. Writers settle the deals they have changed; readers of
lists settle the rest: deals being written, deals left by dead writers and earlier versions, and deals with planned
events whose time has come.
"""
