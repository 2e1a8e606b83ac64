-- ARGV: what must be there (empty for nothing), what is to be there, time to live. Answers whether it is, or what was.
local found = redis.call('GET', KEYS[1])
if found == '' then error('the counter is corrupt') end
found = found or ''
if found ~= ARGV[1] then return { 0, found } end
redis.call('SET', KEYS[1], ARGV[2])
if ARGV[3] ~= '' then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return { 1, '' }
