-- ARGV: the end that was seen; a session that was used meanwhile has another.
if redis.call('HGET', KEYS[1], 'x') ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
return 1
