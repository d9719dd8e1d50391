"""How many examples Hypothesis makes of the tests that are marked ``fuzz``: a fifth, or all in `make test-long`."""

import os

ALL = os.environ.get("TEST_EXAMPLES") == "all"


def examples(count: int) -> int:
    """Return how many of ``count`` examples are made in this run."""
    return count if ALL else count // 5
