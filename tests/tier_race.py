"""``python -m tests.tier_race URL NAMESPACE SEED``: threads that keep and clear entries of a few deals."""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from random import Random

from dealcache.model.invalidation import Selection
from dealcache.redis_connection import RedisConnection
from dealcache.tiers import Entry, View
from dealcache.tiers.redis import RedisTier
from tests.tier_contract import always, entry, key

DEALS, THREADS, STEPS = 6, 50, 20


def main(url: str, namespace: str, seed: int) -> None:
    """Race until every thread has made its steps; fails if one of them fails."""
    connection = RedisConnection(url, namespace)
    tier = RedisTier(connection)
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(lambda number: _work(tier, Random(seed * THREADS + number)), range(THREADS)))
    connection.close()


def _work(tier: RedisTier, random: Random) -> None:
    for _ in range(STEPS):
        number = random.randrange(DEALS)
        view = random.choice(tuple(View))
        what = random.random()
        if what < 0.03:
            tier.invalidate(Selection.all())
        elif what < 0.1:
            tier.invalidate(Selection.deals(ids=[str(number)]))
        elif what < 0.2:
            tier.invalidate(Selection.deals(names=[f"deal {number}"]))
        elif what < 0.5:
            _check(tier.get(key(f"Deal {number}", view)), number)
        elif what < 0.6:
            tier.put(key(str(number), view, "id"), _made(random, number), always)
        else:
            tier.put(key(random.choice((f"Deal {number}", f"DEAL {number}")), view), _made(random, number), always)


def _made(random: Random, number: int) -> Entry:
    """An entry that says which deal it is of, now and then a large one."""
    return entry(time.time, str(number), f"Deal {number}", b"%d " % number * random.choice((1, 2000)))


def _check(found: Entry | None, number: int) -> None:
    if found is not None and int(found.body.split()[0]) != number:
        raise AssertionError(f"deal {number} is {found}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
