-- ARGV: time to live, whether the new user's index has the session, fields and values, the user first.
-- Answers 2, and changes nothing, when the user changes and the index must have the session first.
if not is_there(KEYS[1]) then return 0 end
if ARGV[2] == '0' and redis.call('HGET', KEYS[1], 'u') ~= ARGV[4] then return 2 end
redis.call('HSET', KEYS[1], unpack(ARGV, 3))
expire(KEYS[1], ARGV[1])
return 1
