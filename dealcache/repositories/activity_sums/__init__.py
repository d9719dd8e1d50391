"""The numbers of activities of all deals, by day, type, owner and the deal's stage, kept to save counting.

They are made with the first question for them, see :mod:`.generations`, and brought up to date before each reading:
each deal names in :data:`.SUMMED` the sums that have its present activities, or else is added up again. Its former
counts are kept in ``activity_parts``, so only the differences are added, see :mod:`.changes`. A sync only removes that
name where it changes a deal, and while there are no questions there is none.
"""
