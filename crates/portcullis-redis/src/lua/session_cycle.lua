-- KEYS: from, to. ARGV: time to live, fields and values. On one server both keys are at hand.
if not is_there(KEYS[1]) then
  fence(KEYS[1])
  return 0
end
if redis.call('EXISTS', KEYS[2]) == 1 then return 2 end
redis.call('HSET', KEYS[2], unpack(ARGV, 2))
expire(KEYS[2], ARGV[1])
redis.call('DEL', KEYS[1])
return 1
