"""HubSpot: calls within its limits, typed answers, and deals loaded whole.

From the bottom up: rate limits (:mod:`.limits`), :class:`.session.HubSpotSession`, :class:`.client.HubSpotClient`,
:class:`.label_refresher.LabelRefresher`, :class:`.loader.DealLoader`. What can go wrong is in :mod:`.errors`.
"""
