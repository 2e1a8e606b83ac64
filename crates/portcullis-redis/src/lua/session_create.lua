-- ARGV: time to live, fields and values.
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
expire(KEYS[1], ARGV[1])
return 1
