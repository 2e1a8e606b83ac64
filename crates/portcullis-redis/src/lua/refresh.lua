-- What every script for refresh tokens begins with. All of its keys share one tag.
--
-- A token is a hash: v (1), f (family), u (user), c (creation), x (end), m (deadline), s (state), a and t (when it was
-- rotated first, and to what). The live tokens of a tag are a sorted set of `family .. id`. Times are texts: the numbers
-- of Lua have 53 bits.

local FIELDS = { 'v', 'f', 'u', 'c', 'x', 'm', 's', 'a', 't' }

local function is_whole(text)
  return text and #text <= 20 and string.match(text, '^%-?%d+$') ~= nil
end

local function is_digest(text)
  return text and #text == 64 and string.match(text, '^[0-9a-f]+$') ~= nil
end

-- Reads a token, or nil. What Portcullis did not write is an error.
local function load(key)
  if redis.call('EXISTS', key) == 0 then return nil end
  local found = redis.call('HMGET', key, unpack(FIELDS))
  local row = {}
  for position, field in ipairs(FIELDS) do row[field] = found[position] end
  local is_good = row.v == '1' and is_digest(row.f) and row.u and is_whole(row.c) and is_whole(row.x) and is_whole(row.m)
  if row.s == 'rotated' then
    is_good = is_good and is_whole(row.a) and is_digest(row.t)
  else
    is_good = is_good and (row.s == 'live' or row.s == 'revoked') and row.a == '' and row.t == ''
  end
  if not is_good then error('the refresh token is corrupt') end
  return row
end

local function store(key, row, ttl)
  local fields = {}
  for _, field in ipairs(FIELDS) do
    fields[#fields + 1] = field
    fields[#fields + 1] = row[field]
  end
  redis.call('HSET', key, unpack(fields))
  if ttl ~= '' then redis.call('PEXPIRE', key, ttl) end
end

-- Compares two whole numbers that are written without leading zeros.
local function at_most(left, right)
  local is_left, is_right = string.sub(left, 1, 1) == '-', string.sub(right, 1, 1) == '-'
  if is_left ~= is_right then return is_left end
  if left == right then return true end
  if #left ~= #right then return (#left < #right) ~= is_left end
  return (left < right) ~= is_left
end

-- Notes a live token; the set lives as long as the longest of what it names.
local function enlist(live, family, id, ttl)
  local left = redis.call('PTTL', live)
  redis.call('ZADD', live, 0, family .. id)
  if left == -2 then
    if ttl ~= '' then redis.call('PEXPIRE', live, ttl) end
  elseif left >= 0 then
    if ttl == '' then
      redis.call('PERSIST', live)
    elseif tonumber(ttl) > left then
      redis.call('PEXPIRE', live, ttl)
    end
  end
end

-- Ends a token if it lives.
local function revoke(live, key, family, id)
  local row = load(key)
  redis.call('ZREM', live, family .. id)
  if not row or row.s ~= 'live' then return 0 end
  redis.call('HSET', key, 's', 'revoked')
  return 1
end

-- Ends what lives of a family.
local function revoke_family(live, prefix, family)
  local ended = 0
  for _, member in ipairs(redis.call('ZRANGEBYLEX', live, '[' .. family, '(' .. family .. 'g')) do
    local id = string.sub(member, 65)
    ended = ended + revoke(live, prefix .. id, family, id)
  end
  return ended
end

-- Writes something, so that WAIT waits for an earlier end that was not certain yet (see session.lua).
local function fence(live)
  redis.call('SET', live .. ':w', '', 'PX', 1)
end
