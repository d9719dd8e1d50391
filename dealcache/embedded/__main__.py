"""``python -m dealcache.embedded``, the command of earlier versions, runs ``dealcache.sandbox.embedded``."""

import runpy

runpy.run_module("dealcache.sandbox.embedded", run_name="__main__", alter_sys=True)
