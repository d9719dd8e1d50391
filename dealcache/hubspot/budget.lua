-- One bucket of HubSpot's limits, counted for all workers: hears what they have done, and lets a call start or says how
-- long it must wait. The rules are those of window.py and pacing.py, which one worker alone keeps by itself.
--
-- KEYS[1]  calls: a sorted set; the score of a call is when its slot frees
-- KEYS[2]  state: a hash
-- KEYS[3]  readers that wait: a sorted set; the score of one is until when it counts
-- KEYS[4]  the same for what is read for all
-- ARGV[1]  JSON, see budget_script.py; all times and moments here are in microseconds

local calls, state, waiting = KEYS[1], KEYS[2], { [0] = KEYS[3], [1] = KEYS[4] }
local told = cjson.decode(ARGV[1])
local rules, ask = told.rules, told.ask
local period = rules.period
local SYNC = 2

local function now_of_redis()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

local function read_state()
  local names = { 'epoch', 'seen', 'limit', 'due', 'reader', 'paused', 'uncertain' }
  local values = redis.call('HMGET', state, unpack(names))
  local read = {}
  for index, name in ipairs(names) do
    read[name] = tonumber(values[index])
  end
  return read
end

local now = told.now or now_of_redis()
local it = read_state()
if it.seen and now < it.seen - period then
  -- The clock was put back, and every moment that is kept here has lost its meaning.
  redis.call('DEL', calls, waiting[0], waiting[1])
  it = {}
end
now = math.max(now, it.seen or 0)
it.seen = now
if not it.epoch then
  it = { epoch = now, seen = now, limit = told.limit, due = 0, reader = 0, paused = 0 }
  it.uncertain = now + rules.unsettled
end

for _, call in ipairs(told.answered or {}) do
  redis.call('ZADD', calls, now - call[2] + period, call[1])
end
for _, call in ipairs(told.under_way or {}) do
  redis.call('ZADD', calls, now - call[2] + rules.lease + period, call[1])
end
if told.pause then
  it.paused = math.max(it.paused, now + told.pause)
end
if told.new_limit then
  it.limit = told.new_limit
end
if told.rejoins then
  it.uncertain = math.max(it.uncertain, now + rules.unsettled)
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

local function slots_of_sync()
  local readers = now - it.reader <= rules.readers_stay * period
  local one_in = readers and rules.share_for_readers or rules.share_in_quiet
  return math.max(1, it.limit - math.max(1, math.floor(it.limit / one_in)))
end

local function pace(ahead, slots)
  local surplus = used + ahead - math.ceil(it.limit / rules.unpaced_share)
  if surplus < 0 then
    return 0
  end
  return it.due - now + period / slots * math.min(ahead, surplus)
end

local function wait_of(priority, ahead)
  for before = 0, priority - 1 do
    redis.call('ZREMRANGEBYSCORE', waiting[before], '-inf', now)
    ahead = math.max(ahead, redis.call('ZCARD', waiting[before]))
  end
  if priority < SYNC then
    return math.max(it.paused - now, until_free(used + ahead - it.limit))
  end
  local slots = slots_of_sync()
  return math.max(it.paused - now, until_free(used + ahead - slots), pace(ahead, slots))
end

local granted, wait = 0, 0
if ask then
  if ask.priority == 0 then
    it.reader = now
  end
  wait = math.max(0, math.ceil(wait_of(ask.priority, ask.ahead)))
  if wait == 0 and ask.start and (told.epoch or it.epoch) == it.epoch then
    granted, used = 1, used + 1
    redis.call('ZADD', calls, now + rules.lease + period, ask.id)
    if ask.priority == SYNC then
      local step = period / slots_of_sync()
      it.due = math.max(it.due, now - step / 2) + step
    else
      redis.call('ZREM', waiting[ask.priority], ask.id)
    end
  elseif ask.priority < SYNC then
    redis.call('ZADD', waiting[ask.priority], now + rules.patience, ask.id)
    redis.call('PEXPIRE', waiting[ask.priority], rules.kept_ms)
  end
end

redis.call('HSET', state, 'epoch', it.epoch, 'seen', it.seen, 'limit', it.limit, 'due', it.due,
  'reader', it.reader, 'paused', it.paused, 'uncertain', it.uncertain)
redis.call('PEXPIRE', state, rules.kept_ms)
redis.call('PEXPIRE', calls, rules.kept_ms)

-- In how many milliseconds each of the occupied slots frees, rounded up; in one string, because it is rarely read.
local frees = {}
if told.outlook then
  local kept = redis.call('ZRANGE', calls, 0, -1, 'WITHSCORES')
  for index = 2, #kept, 2 do
    frees[index / 2] = string.format('%d', math.ceil((math.min(kept[index], now + rules.under_way) - now) / 1000))
  end
end
return {
  it.epoch, granted, wait, used, it.limit,
  math.max(0, math.ceil(it.paused - now)), math.max(0, math.ceil(it.uncertain - now)), table.concat(frees, ' ')
}
