-- ARGV: claim.
if redis.call('EXISTS', KEYS[1]) == 1 and not is_there(KEYS[1])
  and redis.call('HGET', KEYS[1], 'claim') == ARGV[1] then
  redis.call('DEL', KEYS[1])
end
return 1
