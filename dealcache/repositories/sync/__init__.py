"""The state of syncs in MongoDB: jobs with their leases, what one passes on to the next, webhook events."""
