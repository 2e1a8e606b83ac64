-- KEYS: live tokens. ARGV: prefix of the tokens, family.
local ended = revoke_family(KEYS[1], ARGV[1], ARGV[2])
fence(KEYS[1])
return ended
