//! The statements for tokens.

use super::user::{account_columns, is_named};
use crate::engine::TokenSql;

/// The columns of a token, of `portcullis_token t`.
macro_rules! token_columns {
    () => {
        "t.digest, t.user_id, t.name, t.scopes, t.created_at, t.expires_at, t.idle, t.last_used_at"
    };
}

const BY_DIGEST: &str = concat!("select ", token_columns!(), "\nfrom portcullis_token t where t.digest = $1");

const WITH_USER: &str = concat!(
    "select ",
    token_columns!(),
    ",\n    ",
    account_columns!(),
    "
from portcullis_token t
left join portcullis_user u on ",
    is_named!("t.user_id"),
    "
where t.digest = $1"
);

const OF_USER: &str = concat!(
    "select ",
    token_columns!(),
    "\nfrom portcullis_token t where t.user_id = $1 order by t.created_at, t.digest"
);

const INSERT: &str = "\
insert into portcullis_token
    (digest, user_id, name, scopes, created_at, expires_at, idle, last_used_at, ends_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";

/// Keeps the user's newest `$2` tokens beside the new one, which a clock that went back must not revoke.
///
/// What deletes several locks them by digest, so that no two wait for each other in a circle.
const TRIM: &str = "\
delete from portcullis_token where digest = any(array(
    select digest from portcullis_token where digest = any(array(
        select digest from portcullis_token where user_id = $1 and digest <> $3
        order by created_at desc, digest desc offset $2))
    order by digest for update))";

/// Keeps `ends_at` what `TokenRecord::ends_at` says, with its saturation.
const TOUCH: &str = "\
update portcullis_token set
    last_used_at = $2,
    ends_at = least(
        coalesce(expires_at, 9223372036854775807),
        case when idle is null or idle > 9223372036854775807 - greatest($2, 0::bigint) then 9223372036854775807
            else $2 + idle end)
where digest = $1";

const REVOKE: &str = "delete from portcullis_token where digest = $1 and user_id = $2";

const REVOKE_ALL: &str = "\
delete from portcullis_token where digest = any(array(
    select digest from portcullis_token where user_id = $1 order by digest for update))";

const PURGE: &str = "\
delete from portcullis_token where digest = any(array(
    select digest from portcullis_token where ends_at <= $1 limit $2 for update skip locked))";

pub(crate) const TOKEN: TokenSql = TokenSql {
    by_digest: BY_DIGEST,
    with_user: WITH_USER,
    of_user: OF_USER,
    insert: INSERT,
    trim: TRIM,
    touch: TOUCH,
    revoke: REVOKE,
    revoke_all: REVOKE_ALL,
    purge: PURGE,
};
