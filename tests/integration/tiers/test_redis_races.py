"""Two processes of fifty threads each on one Redis: an entry is never without its indexes, and nothing is left over."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from dealcache.model.invalidation import Selection
from dealcache.redis_connection import RedisConnection
from dealcache.tiers import wire
from dealcache.tiers.redis import RedisTier

ROOT = Path(__file__).parents[3]

#: Looks at everything at one moment: how many entries there are, and the places that lack one of them.
INSPECT = """
local prefix, missing, entries = ARGV[1], {}, redis.call('KEYS', ARGV[1] .. 'entry:*')
for _, entry in ipairs(entries) do
  local member = string.sub(entry, #prefix + #'entry:' + 1)
  local number = string.match(member, '%d+$')
  for _, index in ipairs({'all', 'by-id:' .. number, 'by-name:deal ' .. number}) do
    if not redis.call('ZSCORE', prefix .. index, member) then table.insert(missing, index .. ' lacks ' .. member) end
    if redis.call('PTTL', prefix .. index) < redis.call('PTTL', entry) then
      table.insert(missing, index .. ' expires before ' .. member)
    end
  end
end
return {#entries, missing}
"""


@pytest.mark.timeout(120)
def test_an_entry_is_never_without_its_indexes(redis_url, redis_connection: RedisConnection, namespace):
    command = [sys.executable, "-W", "error", "-m", "tests.tier_race", redis_url, namespace]
    inspect, prefix = redis_connection.script(INSPECT), redis_connection.key(wire.VERSION, "")
    seen = set()
    with ExitStack() as racing:
        racers = []
        for seed in (1, 2):
            racers.append(
                racing.enter_context(subprocess.Popen([*command, str(seed)], cwd=ROOT, stderr=subprocess.PIPE))
            )
            racing.callback(racers[-1].kill)
        while any(racer.poll() is None for racer in racers):
            entries, missing = inspect(prefix)
            assert missing == []
            seen.add(entries)
        for racer in racers:
            _, errors = racer.communicate(timeout=60)
            assert racer.returncode == 0, errors.decode()
    assert len(seen) > 5, "something was going on"
    RedisTier(redis_connection).invalidate(Selection.all())
    with redis_connection.operation() as client:
        assert list(client.scan_iter(match=f"{prefix}*")) == []
