-- The sliding window of one bucket for all workers: hears which calls are over, and lets a call start or says how long
-- it must wait. The rules are those of sliding_window.py, by which one worker alone counts.
--
-- KEYS[1]  calls: a sorted set; the score of a call is when its slot frees
-- KEYS[2]  state: a hash
-- KEYS[3]  readers that wait: a sorted set; the score of one is until when it counts
-- KEYS[4]  the same for calls of priority SHARED
-- KEYS[5]  the same for calls of priority REREAD
-- ARGV[1]  JSON, see shared_window.py; all times and moments here are in microseconds

local calls, state, waiting = KEYS[1], KEYS[2], { [0] = KEYS[3], [1] = KEYS[4], [2] = KEYS[5] }
local message = cjson.decode(ARGV[1])
local rules, ask = message.rules, message.ask
local period = rules.period
local REREAD, SYNC = 2, 3

local function now_of_redis()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

local names = { 'seen', 'limit', 'due', 'reader', 'paused', 'began_at', 'paced_at' }
local it = {}
for index, value in ipairs(redis.call('HMGET', state, unpack(names))) do
  it[names[index]] = tonumber(value)
end

local now = message.now or now_of_redis()
if it.seen and now < it.seen - period then
  -- The clock was put back, and every moment that is kept here has lost its meaning.
  redis.call('DEL', calls, waiting[0], waiting[1], waiting[2])
  it = {}
end
now = math.max(now, it.seen or 0)
if not it.seen then
  it = { limit = message.limit, due = 0, reader = 0, paused = 0 }
end
it.seen = now
it.began_at, it.paced_at = it.began_at or 0, it.paced_at or 0
it.paused = math.max(it.paused, now + message.pause)
it.limit = message.new_limit or it.limit
for _, call in ipairs(message.answered) do
  redis.call('ZADD', calls, now - call[2] + period, call[1])
end

redis.call('ZREMRANGEBYSCORE', calls, '-inf', now)
local used = redis.call('ZCARD', calls)

-- How long until the slot with this index frees; of a call under way it is only known that it takes a period at least.
local function until_free(surplus)
  if surplus < 0 then
    return 0
  end
  local all = math.max(1, it.limit, used)
  local index = surplus % all
  local frees = redis.call('ZRANGE', calls, index, index, 'WITHSCORES')[2]
  local first = frees and math.min(tonumber(frees), now + period) or now + period
  return first + period * math.floor(surplus / all) - now
end

local function readers_expected()
  return now - it.reader <= rules.readers_stay * period
end

local function sync_slots()
  local one_in = readers_expected() and rules.share_for_readers or rules.share_in_quiet
  return math.max(1, it.limit - math.max(1, math.floor(it.limit / one_in)))
end

-- True in the first period of a sync, and while there is none.
local function is_new()
  return now - it.began_at < period or now - it.paced_at > rules.sync_stays * period
end

local function unpaced_slots()
  if not is_new() then
    return 0
  end
  if readers_expected() then
    return math.ceil(it.limit / rules.unpaced_share)
  end
  return math.max(1, it.limit - math.max(rules.least_for_readers, math.floor(it.limit / rules.share_for_readers)))
end

local function step()
  return period / math.max(1, sync_slots() - unpaced_slots())
end

local function until_due(ahead)
  local surplus = used + ahead - unpaced_slots()
  if surplus < 0 then
    return 0
  end
  return it.due - now + step() * math.min(ahead, surplus)
end

local function wait_of(priority, ahead)
  for before = 0, priority - 1 do
    redis.call('ZREMRANGEBYSCORE', waiting[before], '-inf', now)
    ahead = math.max(ahead, redis.call('ZCARD', waiting[before]))
  end
  if priority < SYNC then
    local free = priority == REREAD and math.ceil(it.limit / rules.share_beyond_rereads) or 0
    return math.max(it.paused - now, until_free(used + ahead - math.max(1, it.limit - free)))
  end
  return math.max(it.paused - now, until_free(used + ahead - sync_slots()), until_due(ahead))
end

local granted, wait = 0, 0
if ask then
  if ask.priority == 0 then
    it.reader = now
  end
  wait = math.max(0, math.ceil(wait_of(ask.priority, ask.ahead)))
  if wait == 0 and ask.start then
    if ask.priority == SYNC then
      local gap = step()
      if is_new() and now - it.began_at >= period then
        it.began_at = now
      end
      if used < unpaced_slots() then
        it.due = now + gap / 2
      else
        it.paced_at = now
        it.due = math.max(it.due, now - gap / 2) + gap
      end
    else
      redis.call('ZREM', waiting[ask.priority], ask.id)
    end
    granted, used = 1, used + 1
    redis.call('ZADD', calls, now + rules.lease + period, ask.id)
  elseif ask.priority < SYNC then
    redis.call('ZADD', waiting[ask.priority], now + rules.patience, ask.id)
    redis.call('PEXPIRE', waiting[ask.priority], rules.kept_ms)
  end
end

local kept = {}
for _, name in ipairs(names) do
  kept[#kept + 1], kept[#kept + 2] = name, it[name]
end
redis.call('HSET', state, unpack(kept))
redis.call('PEXPIRE', state, rules.kept_ms)
redis.call('PEXPIRE', calls, rules.kept_ms)
return { granted, wait, used, it.limit, math.max(0, math.ceil(it.paused - now)) }
