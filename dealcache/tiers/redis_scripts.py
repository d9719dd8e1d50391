"""The Redis tier's Lua scripts, each of which Redis runs atomically.

An entry stands under ``entry:`` and its member name, ``view:by:value``. Three sorted sets lead to it: those of its deal
(``by-id:``) and of its name (``by-name:``), and one of all entries (``all``). They hold member names, each with the
time at which its entry expires, milliseconds by the clock of Redis, so that expired ones can be dropped; they expire
with the last entry that they hold. An entry is stored and removed together with its places in them. An entry that
expires leaves them when the next one is stored.

Every script's first argument is the prefix of all keys. Names of keys are made here and not passed in, so these scripts
do not work on a Redis Cluster.
"""

from __future__ import annotations

from dealcache.tiers.wire import HEAD_AT

_COMMON = """
local prefix = ARGV[1]
local ALL = prefix .. 'all'
-- Milliseconds by which a place in an index outlives its entry: time goes on while a script runs.
local SPARE = 1000

local function entry_of(member) return prefix .. 'entry:' .. member end
local function of_deal(deal_id) return prefix .. 'by-id:' .. deal_id end
local function of_name(name_key) return prefix .. 'by-name:' .. name_key end

-- The head of a value in the form of wire.py, or nil; part(first, last) gives bytes of it, counted from 0.
local function head_in(part)
  local numbers = part(0, HEAD_AT - 1)
  if type(numbers) ~= 'string' or #numbers < HEAD_AT then return nil end
  local fetched_at, _, _, size = struct.unpack('>dBI4I4', numbers)
  local readable, head = pcall(cjson.decode, part(HEAD_AT, HEAD_AT + size - 1))
  if not readable or type(head) ~= 'table' then return nil end
  head.fetched_at = fetched_at
  return head
end

-- The head of the entry that is there now, or nil when there is none that can be read.
local function head_of(member)
  return head_in(function(first, last) return redis.pcall('GETRANGE', entry_of(member), first, last) end)
end

local function indexes_of(head)
  local indexes = {ALL}
  if type(head.deal_id) == 'string' then table.insert(indexes, of_deal(head.deal_id)) end
  if type(head.name_key) == 'string' then table.insert(indexes, of_name(head.name_key)) end
  return indexes
end

local function unindex(member, head)
  for _, index in ipairs(indexes_of(head)) do redis.call('ZREM', index, member) end
end

-- Removes an entry, unless its load began when the invalidation of generation `before` was known; returns its
-- displayed key.
local function remove(member, before)
  local head = head_of(member)
  if not head then
    redis.call('UNLINK', entry_of(member))
    return nil
  end
  if before and (tonumber(head.generation) or 0) >= before then return nil end
  unindex(member, head)
  redis.call('UNLINK', entry_of(member))
  return head.shown
end
"""


def _script(lua: str) -> str:
    return f"local HEAD_AT = {HEAD_AT}{_COMMON}{lua}"


#: Keep a value unless a newer one is there: prefix, member, value, milliseconds that are left, entries that one deal or
#: name may have, the latest ``fetched_at`` that is not in the future. 1 when it was kept.
KEEP = _script("""
local member, value, left, most, present = ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local new = head_in(function(first, last) return string.sub(value, first + 1, last + 1) end)
local old = head_of(member)
-- One that was read in the future is no newer than any other: see policy.is_fresh.
if old and old.fetched_at > new.fetched_at and old.fetched_at <= present then return 0 end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local indexes, wanted = indexes_of(new), {}
local function has_room(index)
  return index == ALL or redis.call('ZSCORE', index, member) or redis.call('ZCOUNT', index, now, '+inf') < most
end
for _, index in ipairs(indexes) do
  wanted[index] = true
  if not has_room(index) then return 0 end
end

-- The first write is one that a Redis without room refuses: after any other write it would let all that follow pass.
for _, index in ipairs(indexes) do
  redis.call('ZADD', index, now + left + SPARE, member)
  redis.call('ZREMRANGEBYSCORE', index, '-inf', now)
  if redis.call('PTTL', index) < left + SPARE then redis.call('PEXPIRE', index, left + SPARE) end
end
redis.call('SET', entry_of(member), value, 'PX', left)
for _, index in ipairs(old and indexes_of(old) or {}) do
  if not wanted[index] then redis.call('ZREM', index, member) end
end
return 1
""")

#: Take back a value that was kept just now: prefix, member, ``fetched_at`` as it stands in the value.
TAKE_BACK = _script("""
local head = head_of(ARGV[2])
if head and head.fetched_at == struct.unpack('>d', ARGV[3]) then remove(ARGV[2]) end
""")

#: Remove the entries of some deals: prefix, the generation before which they must be or nothing, how many ids follow,
#: ids, name keys. Returns the displayed keys of the removed entries.
REMOVE = _script("""
local before, ids = tonumber(ARGV[2]), tonumber(ARGV[3])
local members, seen = {}, {}
local function collect(index)
  for _, member in ipairs(redis.call('ZRANGE', index, 0, -1)) do
    if not seen[member] then
      seen[member] = true
      table.insert(members, member)
    end
  end
end

for place = 4 + ids, #ARGV do collect(of_name(ARGV[place])) end
-- A name also finds what is kept under the ids of its deals.
for place = 1, #members do
  local head = head_of(members[place])
  if head and type(head.deal_id) == 'string' then collect(of_deal(head.deal_id)) end
end
for place = 4, 3 + ids do collect(of_deal(ARGV[place])) end

local shown = {}
for _, member in ipairs(members) do table.insert(shown, remove(member, before)) end
return shown
""")

#: Remove one batch of all entries: prefix, the generation before which they must be or nothing, the cursor, the size of
#: the batch. Returns the next cursor, "0" after the last batch, and the displayed keys of the removed entries.
CLEAR = _script("""
local before = tonumber(ARGV[2])
local batch = redis.call('ZSCAN', ALL, ARGV[3], 'COUNT', ARGV[4])
local shown = {}
for place = 1, #batch[2], 2 do table.insert(shown, remove(batch[2][place], before)) end
return {batch[1], shown}
""")
