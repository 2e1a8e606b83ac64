-- ARGV: claim, time to live. Takes a key for a session to come.
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], 'claim', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
