-- ARGV: time to live, last use, end.
if not is_there(KEYS[1]) then return 0 end
redis.call('HSET', KEYS[1], 's', ARGV[2], 'x', ARGV[3])
expire(KEYS[1], ARGV[1])
return 1
