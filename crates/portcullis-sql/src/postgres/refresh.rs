//! The statements for refresh tokens.

use crate::engine::RefreshSql;

/// The columns of a refresh token, of `portcullis_refresh r`.
macro_rules! refresh_columns {
    () => {
        "r.id, r.family, r.user_id, r.created_at, r.expires_at, r.deadline, r.state, r.rotated_at, r.rotated_to"
    };
}

const BY_ID: &str = concat!("select ", refresh_columns!(), "\nfrom portcullis_refresh r where r.id = $1");

/// The token that is presented, and the one that is not to be there yet.
const BY_IDS: &str =
    concat!("select ", refresh_columns!(), "\nfrom portcullis_refresh r where r.id in ($1, $2)");

const OF_USER: &str = concat!(
    "select ",
    refresh_columns!(),
    "\nfrom portcullis_refresh r where r.user_id = $1 and r.state = 'live' order by r.created_at desc, r.id"
);

/// The key of the lock is that of the store's own locks.
const LOCK: &str = "\
select pg_advisory_xact_lock(pg_catalog.hashtextextended(
    'portcullis ' || coalesce('user ' || r.user_id, 'family ' || encode(r.family, 'hex')), 0))
from portcullis_refresh r where r.id = $1";

const INSERT: &str = "\
insert into portcullis_refresh
    (id, family, user_id, created_at, expires_at, deadline, state, rotated_at, rotated_to)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";

const ROTATE: &str = "\
update portcullis_refresh set state = 'rotated', rotated_at = $2, rotated_to = $3 where id = $1";

/// Changes nothing, and says so, where the token is not live (any more).
const REVOKE: &str = "update portcullis_refresh set state = 'revoked' where id = $1 and state = 'live'";

/// `is not distinct from` finds the tokens of nobody, too.
const REVOKE_FAMILY: &str = "\
update portcullis_refresh set state = 'revoked' where family = $1 and user_id is not distinct from $2 and state = 'live' returning family";

const REVOKE_ALL: &str = "\
update portcullis_refresh set state = 'revoked' where user_id = $1 and state = 'live' returning family";

const PURGE: &str = "\
delete from portcullis_refresh where id = any(array(
    select id from portcullis_refresh where expires_at <= $1 limit $2 for update skip locked))";

pub(crate) const REFRESH: RefreshSql = RefreshSql {
    by_id: BY_ID,
    by_ids: BY_IDS,
    of_user: OF_USER,
    insert: INSERT,
    rotate: ROTATE,
    revoke: REVOKE,
    revoke_family: REVOKE_FAMILY,
    revoke_all: REVOKE_ALL,
    purge: PURGE,
    lock: Some(LOCK),
};
