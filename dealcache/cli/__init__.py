"""The command ``dealcache``; those of its commands that ``flask`` has too are :data:`COMMANDS`."""

from dealcache.cli.jobs import jobs_command
from dealcache.cli.lists import lists_command
from dealcache.cli.sync import sync_command

COMMANDS = (sync_command, jobs_command, lists_command)
