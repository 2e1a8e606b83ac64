-- KEYS: token, live tokens. ARGV: id, time to live, values in the order of FIELDS.
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local row = {}
for position, field in ipairs(FIELDS) do row[field] = ARGV[position + 2] end
store(KEYS[1], row, ARGV[2])
if row.s == 'live' then enlist(KEYS[2], row.f, ARGV[1], ARGV[2]) end
-- Those whose rows have expired leave the set, a few at a time.
local prefix = string.sub(KEYS[1], 1, -65)
for _, member in ipairs(redis.call('ZRANDMEMBER', KEYS[2], 4)) do
  if redis.call('EXISTS', prefix .. string.sub(member, 65)) == 0 then redis.call('ZREM', KEYS[2], member) end
end
return 1
