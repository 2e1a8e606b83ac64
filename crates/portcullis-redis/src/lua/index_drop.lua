-- ARGV: moment, then sessions, each with 1 when it was not there, or is another user's, and with 0 when it was. One that
-- was added since the moment stays; one that was there goes to the end of those to look at.
local dropped, now = 0, redis.call('TIME')[1]
for position = 2, #ARGV, 2 do
  local session, is_stale = ARGV[position], ARGV[position + 1] == '1'
  local added = redis.call('ZSCORE', KEYS[1], session)
  if added and (ARGV[1] == '+inf' or tonumber(added) <= tonumber(ARGV[1])) then
    if is_stale then
      dropped = dropped + redis.call('ZREM', KEYS[1], session)
    else
      redis.call('ZADD', KEYS[1], now, session)
    end
  end
end
return dropped
