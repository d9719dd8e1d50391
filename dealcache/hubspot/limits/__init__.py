"""HubSpot's rate limits, kept by one process or by all that share a Redis."""
