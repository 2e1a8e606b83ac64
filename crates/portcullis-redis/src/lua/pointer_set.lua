-- ARGV: tag, time to live. Answers the tag that was there before, if one was.
local found = redis.call('GET', KEYS[1])
if found then
  redis.call('SET', KEYS[1] .. ':w', '', 'PX', 1)
  return found
end
redis.call('SET', KEYS[1], ARGV[1])
if ARGV[2] ~= '' then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return ''
