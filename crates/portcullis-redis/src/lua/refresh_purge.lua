-- KEYS: token, live tokens. ARGV: id, the end that was seen.
local found = redis.call('HMGET', KEYS[1], 'x', 'f')
if found[1] ~= ARGV[2] then return 0 end
if found[2] then redis.call('ZREM', KEYS[2], found[2] .. ARGV[1]) end
redis.call('DEL', KEYS[1])
return 1
