//! The statements for sessions.

use super::user::{account_columns, is_named};
use crate::engine::SessionSql;

/// The columns of a session, of `portcullis_session s`.
macro_rules! session_columns {
    () => {
        "s.key, s.user_id, s.epoch, s.created_at, s.last_seen_at, s.expires_at, s.data, s.label"
    };
}

const BY_KEY: &str = concat!("select ", session_columns!(), "\nfrom portcullis_session s where s.key = $1");

const WITH_USER: &str = concat!(
    "select ",
    session_columns!(),
    ",\n    ",
    account_columns!(),
    "
from portcullis_session s
left join portcullis_user u on ",
    is_named!("s.user_id"),
    "
where s.key = $1"
);

const OF_USER: &str = concat!(
    "select ",
    session_columns!(),
    "\nfrom portcullis_session s where s.user_id = $1 order by s.last_seen_at desc, s.key"
);

const CREATE: &str = "\
insert into portcullis_session
    (key, user_id, epoch, created_at, last_seen_at, expires_at, data, label)
values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict (key) do nothing";

const SAVE: &str = "\
update portcullis_session set
    user_id = $2, epoch = $3, created_at = $4, last_seen_at = $5, expires_at = $6, data = $7, label = $8
where key = $1";

const TOUCH: &str = "update portcullis_session set last_seen_at = $2, expires_at = $3 where key = $1";

/// One statement, so that no dropped future can leave both keys alive, or none.
const CYCLE: &str = "\
update portcullis_session set
    key = $1, user_id = $2, epoch = $3, created_at = $4, last_seen_at = $5, expires_at = $6, data = $7, label = $8
where key = $9";

const FLUSH: &str = "delete from portcullis_session where key = $1";

const END: &str = "delete from portcullis_session where key = $1 and user_id = $2";

/// By the user alone: a key that is read first, to lock rows in one order, may have changed before its row is locked, and
/// the session would live on.
const END_ALL: &str = "delete from portcullis_session where user_id = $1 and key is distinct from $2";

const PURGE: &str = "\
delete from portcullis_session where key = any(array(
    select key from portcullis_session where expires_at <= $1 limit $2 for update skip locked))";

pub(crate) const SESSION: SessionSql = SessionSql {
    by_key: BY_KEY,
    with_user: WITH_USER,
    of_user: OF_USER,
    create: CREATE,
    save: SAVE,
    touch: TOUCH,
    cycle: CYCLE,
    flush: FLUSH,
    end: END,
    end_all: END_ALL,
    purge: PURGE,
};
