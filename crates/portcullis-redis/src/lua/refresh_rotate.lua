-- KEYS: presented token, next token, live tokens. ARGV: 1 presented id, 2 next id, 3 now, 4 the earliest moment of a
-- first rotation that is forgiven (empty for none), 5 whether an unknown token is adopted, 6 end of the next token and
-- 7 its time to live, 8 time to live of an adopted token and 9-12 its user, creation, end and deadline.
local presented, next_id, now, live = ARGV[1], ARGV[2], ARGV[3], KEYS[3]
local prefix = string.sub(KEYS[1], 1, -65)
if presented == next_id or redis.call('EXISTS', KEYS[2]) == 1 then return { 'conflict' } end

local old, at = load(KEYS[1]), nil
local is_adopted = not old
if is_adopted then
  if ARGV[5] ~= '1' then return { 'unknown' } end
  old = { v = '1', f = presented, u = ARGV[9], c = ARGV[10], x = ARGV[11], m = ARGV[12] }
  at = now
elseif old.s == 'live' then
  at = now
elseif old.s == 'rotated' and ARGV[4] ~= '' and at_most(ARGV[4], old.a) and at_most(old.a, now) then
  -- Whoever holds the token that is superseded trips the detection.
  if revoke(live, prefix .. old.t, old.f, old.t) == 1 then at = old.a end
end
if not at then
  local ended = revoke_family(live, prefix, old.f)
  fence(live)
  return { ended > 0 and 'reused' or 'revoked', old.u, old.f }
end

local ends = at_most(ARGV[6], old.m) and ARGV[6] or old.m
local new = { v = '1', f = old.f, u = old.u, c = now, x = ends, m = old.m, s = 'live', a = '', t = '' }
store(KEYS[2], new, ARGV[7])
enlist(live, new.f, next_id, ARGV[7])
if is_adopted then
  old.s, old.a, old.t = 'rotated', at, next_id
  store(KEYS[1], old, ARGV[8])
else
  redis.call('HSET', KEYS[1], 's', 'rotated', 'a', at, 't', next_id)
  redis.call('ZREM', live, old.f .. presented)
end
return { 'done', new.u, new.f, new.c, new.x, new.m }
