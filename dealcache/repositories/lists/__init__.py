"""The list of deals: its version, its pages, and the totals of all deals that match.

A question, :class:`.DealFilter` and :class:`.Order`, becomes conditions with the indexes that serve them (``query``,
``indexes``). The quickest way to read a page by them is chosen by how many deals match (``plan``), and is read, deals
with odd values last (``run``, ``arrays``). Totals are added up from indexes alone (``sums``, ``totals``), or taken from
those that writers keep for each stage (``stage_moves``, ``stage_totals``). Whatever is read belongs to one version of
all lists, which each change raises (``version``, ``preparation``).
"""
