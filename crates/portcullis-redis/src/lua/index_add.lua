-- KEYS: a user's index. ARGV: the session, the age in seconds beyond which no creation is under way.
-- Answers the moment of that age and a few entries that are older.
local now = tonumber(redis.call('TIME')[1])
local old = now - tonumber(ARGV[2])
redis.call('ZADD', KEYS[1], now, ARGV[1])
return { tostring(old), redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', old, 'LIMIT', 0, 4) }
