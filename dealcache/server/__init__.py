"""Additions to gunicorn: its worker, its log, and the hooks of ``gunicorn.conf.py``."""
