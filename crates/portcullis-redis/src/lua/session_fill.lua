-- ARGV: time to live, claim, fields and values.
if redis.call('EXISTS', KEYS[1]) == 0 or is_there(KEYS[1]) then return 0 end
if redis.call('HGET', KEYS[1], 'claim') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV, 3))
redis.call('HDEL', KEYS[1], 'claim')
expire(KEYS[1], ARGV[1])
return 1
