-- KEYS: live tokens. ARGV: prefix of the tokens. Answers ids and tokens in turn.
local rows = {}
for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local id = string.sub(member, 65)
  rows[#rows + 1] = id
  rows[#rows + 1] = redis.call('HGETALL', ARGV[1] .. id)
end
return rows
