"""A simulated HubSpot, and what ``make run`` starts; no other room imports it."""
