from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.unit.hubspot.html_cost import Cost

#: Where time grows with the length, a document takes a twentieth of a second; a pattern that reads from every place to
#: the end again takes five seconds at least. How fast it is, `python -m benchmarks --only html` measures.
SIZE, MOST_SECONDS = 200_000, 2
#: At most 20 MB for 100 kB are promised.
MOST_KILOBYTES = 20_000


def _costs():
    command = [sys.executable, "-m", "tests.unit.hubspot.html_cost", str(SIZE), "1", str(MOST_SECONDS)]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return [Cost(**json.loads(line)) for line in lines]


@pytest.mark.long
def test_hostile_documents_end_and_take_memory_in_proportion():
    costs = _costs()
    assert len(costs) > 80
    endless = [cost.name for cost in costs if not cost.ended]
    large = [cost for cost in costs if cost.for_100_kb(cost.kilobytes) > MOST_KILOBYTES]
    assert (endless, large) == ([], [])
