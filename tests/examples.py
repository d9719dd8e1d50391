"""The number of Hypothesis examples for tests marked ``fuzz``: a tenth, or all of them in `make test-long`."""

import os

ALL = os.environ.get("TEST_EXAMPLES") == "all"


def examples(count: int) -> int:
    """Return how many of ``count`` examples are made in this run."""
    return count if ALL else count // 10
