"""``python -m dealcache.sandbox.embedded``, which is what ``make run`` calls."""

import sys

from dealcache.sandbox.embedded.run import main

sys.exit(main())
