-- ARGV: age in seconds, how many at most.
local old = tonumber(redis.call('TIME')[1]) - tonumber(ARGV[1])
return { tostring(old), redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', old, 'LIMIT', 0, ARGV[2]) }
