-- What every script for sessions begins with.

-- Tells whether there is a session. A claim (of a cycle in a cluster that is not done yet) is none; what is neither was
-- not written by Portcullis.
local function is_there(key)
  if redis.call('EXISTS', key) == 0 then return false end
  local found = redis.call('HMGET', key, 'v', 'claim')
  if found[1] == '1' then return true end
  if not found[1] and found[2] then return false end
  error('the session is corrupt')
end

local function expire(key, ttl)
  if ttl == '' then redis.call('PERSIST', key) else redis.call('PEXPIRE', key, ttl) end
end

-- Writes something, so that WAIT waits for an earlier end of the same session that was not certain yet: since Redis 7.2 it
-- waits for nothing on a connection that wrote nothing.
local function fence(key)
  redis.call('SET', key .. ':w', '', 'PX', 1)
end
