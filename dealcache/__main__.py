"""``python -m dealcache``, which is the command ``dealcache``."""

from dealcache.cli.main import main

main(prog_name="dealcache")
