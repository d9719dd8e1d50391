"""``/metrics`` of a running service, and waiting by it for what its workers do by themselves."""

from __future__ import annotations

import re
import time

from tests.e2e.programs import ACME, READ, Gunicorn
from tests.waiting import until

SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)


def samples(service: Gunicorn) -> dict[tuple[str, str], float]:
    """All samples of ``/metrics`` by name and labels."""
    text = service.get("/metrics").text
    return {(name, labels): float(value) for name, labels, value in SAMPLE.findall(text)}


def total(service: Gunicorn, name: str, *labels: str) -> float:
    """Return the sum of all samples of a name that have some labels."""
    return sum(v for (found, given), v in samples(service).items() if found == name and all(x in given for x in labels))


def all_follow(service: Gunicorn) -> int:
    """Wait until each worker knows of all invalidations so far, also of those that its own start brings about.

    What a worker has read before, it lets go when it gets to know of them; what it reads from now on stays.

    Returns:
        How many reads that took.
    """
    # A worker that starts late has no metrics before. The first read has the names of owners and stages read as well,
    # on which everything that shows them is invalidated.
    reads = sum(map(len, service.get_from_each(READ, dealName=ACME).values()))
    began = time.time()
    until(lambda: total(service, "dealcache_followed_until_timestamp_seconds") > began)
    return reads
