"""Keeps MongoDB in step with HubSpot: jobs that survive a crash, and webhooks.

``job_runner`` claims jobs and ``job_executor`` executes them: ``full`` by HubSpot's lists, ``incremental`` by its
search, ``reconciliation`` finds what the search cannot, ``selected`` syncs some deals. ``webhook_worker`` processes
webhook events. All of them work with a ``SyncContext`` and read activities through ``activity_loader``.
"""
