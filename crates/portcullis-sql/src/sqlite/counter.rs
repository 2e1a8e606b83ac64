//! The statements for counters.

use crate::engine::CounterSql;

const BY_KEY: &str = "select c.state from portcullis_counter c where c.key = $1";

const PUT: &str = "\
insert into portcullis_counter (key, state, ends_at) values ($1, $2, $3)
on conflict (key) do update set state = excluded.state, ends_at = excluded.ends_at";

/// Puts `$2` in the place of `$4`, unless somebody else was faster.
const SWAP: &str = "update portcullis_counter set state = $2, ends_at = $3 where key = $1 and state = $4";

const PURGE: &str = "\
delete from portcullis_counter where key in (
    select key from portcullis_counter where ends_at <= $1 order by ends_at limit $2)";

/// Deletes those that end first beyond `$1`, at most `$2`. It counts them all, so it is for now and then.
const TRIM: &str = "\
delete from portcullis_counter where key in (
    select key from portcullis_counter order by ends_at
    limit min($2, max(0, (select count(*) from portcullis_counter) - $1)))";

pub(crate) const COUNTER: CounterSql =
    // Its transaction keeps all others from writing.
    CounterSql { by_key: BY_KEY, lock: BY_KEY, swap: SWAP, put: PUT, purge: PURGE, trim: TRIM };
