"""What syncs keep in MongoDB: jobs with their leases, the state that one passes on to the next, webhook events."""
