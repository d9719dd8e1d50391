"""``python -m dealcache.simulator``, the command of earlier versions, runs ``dealcache.sandbox.simulator``."""

import runpy

runpy.run_module("dealcache.sandbox.simulator", run_name="__main__", alter_sys=True)
