"""The wiring: the one place where every part of a process is made and given what it needs."""

from dealcache.container.container import Container
