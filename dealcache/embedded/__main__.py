"""``python -m dealcache.embedded``, which is what ``make run`` calls."""

import sys

from dealcache.embedded.run import main

sys.exit(main())
