-- KEYS: token, live tokens. ARGV: id, whether an unknown token becomes a tombstone, its time to live, its values in the
-- order of FIELDS.
local row = load(KEYS[1])
if row then
  local was_live = revoke(KEYS[2], KEYS[1], row.f, ARGV[1]) == 1
  revoke_family(KEYS[2], string.sub(KEYS[1], 1, -65), row.f)
  fence(KEYS[2])
  return was_live and 'done' or 'already'
end
if ARGV[2] ~= '1' then return 'unknown' end
local tombstone = {}
for position, field in ipairs(FIELDS) do tombstone[field] = ARGV[position + 3] end
store(KEYS[1], tombstone, ARGV[3])
return 'done'
