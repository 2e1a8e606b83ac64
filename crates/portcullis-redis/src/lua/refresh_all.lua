-- KEYS: live tokens. ARGV: prefix of the tokens. Answers how many families had a live token.
local families, before = 0, nil
for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local family, id = string.sub(member, 1, 64), string.sub(member, 65)
  if revoke(KEYS[1], ARGV[1] .. id, family, id) == 1 and family ~= before then
    families, before = families + 1, family
  end
end
fence(KEYS[1])
return families
