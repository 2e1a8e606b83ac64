-- A session that is corrupt ends like any other.
if redis.call('EXISTS', KEYS[1]) == 0 then
  fence(KEYS[1])
  return 0
end
if redis.call('TYPE', KEYS[1]).ok == 'hash' then
  local found = redis.call('HMGET', KEYS[1], 'v', 'claim')
  if not found[1] and found[2] then
    fence(KEYS[1])
    return 0
  end
end
redis.call('DEL', KEYS[1])
return 1
