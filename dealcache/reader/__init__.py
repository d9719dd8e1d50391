"""The read path: tiers in order, single flight, staleness policy, fencing."""
