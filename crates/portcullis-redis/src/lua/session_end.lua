-- ARGV: whose it must be, and for how long the key of what is not there is taken (empty for not at all): a login or a
-- change of key that is under way must not come after the end of all.
if not is_there(KEYS[1]) then
  if redis.call('EXISTS', KEYS[1]) == 1 then
    redis.call('HSET', KEYS[1], 'claim', 'ended')
  elseif ARGV[2] ~= '' then
    redis.call('HSET', KEYS[1], 'claim', 'ended')
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
  end
  fence(KEYS[1])
  return 0
end
if redis.call('HGET', KEYS[1], 'u') ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
return 1
