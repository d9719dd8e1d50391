"""The writing of deals and events.

A batch of records is compared with the stored documents (:mod:`.plan`) and written by a few operations
(:mod:`.batches`), so that newer versions stay (:mod:`.newest_wins`) and a document that MongoDB refuses fails alone
(:mod:`.unordered`). Deals whose events change are marked first (:mod:`.dirty_marks`), and the views that show a change
are told last (:mod:`.visible_changes`).
"""
