"""gunicorn's configuration for the Python programs: its own threaded worker, with as many threads as the service."""

worker_class = "gthread"
threads = 16
keepalive = 75
control_socket_disable = True
