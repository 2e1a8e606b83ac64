use sqlx::sqlite::{Sqlite, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection as _, Row as _};

use crate::engine::{CounterSql, Engine as _, RefreshSql, SessionSql, TokenSql, UserSql};

const USER: UserSql = Sqlite::USER;
const TOKEN: TokenSql = Sqlite::TOKEN;
const SESSION: SessionSql = Sqlite::SESSION;
const REFRESH: RefreshSql = Sqlite::REFRESH;
const COUNTER: CounterSql = Sqlite::COUNTER;

/// Every statement, and the indices by which SQLite is to find the rows.
const STATEMENTS: &[(&str, &str, &[&str])] = &[
    ("a user by id", USER.by_id, &["SEARCH u USING INTEGER PRIMARY KEY"]),
    ("a user by name", USER.login, &["SEARCH u USING INDEX sqlite_autoindex_portcullis_user_1"]),
    ("the list of users", USER.list, &["SEARCH u USING INTEGER PRIMARY KEY (rowid>?)"]),
    ("a change of a user", USER.update, &["USING INTEGER PRIMARY KEY"]),
    ("the end of a user", USER.delete, &["USING INTEGER PRIMARY KEY"]),
    ("the codenames of a group", USER.clear_group, &["USING PRIMARY KEY (group_name=?)"]),
    ("a token", TOKEN.by_digest, &["SEARCH t USING PRIMARY KEY (digest=?)"]),
    (
        "a token with its user",
        TOKEN.with_user,
        &["SEARCH t USING PRIMARY KEY (digest=?)", "SEARCH u USING INTEGER PRIMARY KEY"],
    ),
    ("the tokens of a user", TOKEN.of_user, &["USING INDEX portcullis_token_user (user_id=?)"]),
    ("the oldest tokens of a user", TOKEN.trim, &["USING COVERING INDEX portcullis_token_user (user_id=?)"]),
    ("the use of a token", TOKEN.touch, &["USING PRIMARY KEY (digest=?)"]),
    ("the end of a token", TOKEN.revoke, &["USING PRIMARY KEY (digest=?)"]),
    ("the end of a user's tokens", TOKEN.revoke_all, &["portcullis_token_user (user_id=?)"]),
    ("the purge of tokens", TOKEN.purge, &["USING COVERING INDEX portcullis_token_end (ends_at<?)"]),
    ("a session", SESSION.by_key, &["SEARCH s USING PRIMARY KEY (key=?)"]),
    (
        "a session with its user",
        SESSION.with_user,
        &["SEARCH s USING PRIMARY KEY (key=?)", "SEARCH u USING INTEGER PRIMARY KEY"],
    ),
    ("the sessions of a user", SESSION.of_user, &["USING INDEX portcullis_session_user (user_id=?)"]),
    ("the save of a session", SESSION.save, &["USING PRIMARY KEY (key=?)"]),
    ("the use of a session", SESSION.touch, &["USING PRIMARY KEY (key=?)"]),
    ("a new key", SESSION.cycle, &["USING PRIMARY KEY (key=?)"]),
    ("a flush", SESSION.flush, &["USING PRIMARY KEY (key=?)"]),
    ("the end of a session", SESSION.end, &["USING PRIMARY KEY (key=?)"]),
    ("the end of a user's sessions", SESSION.end_all, &["portcullis_session_user (user_id=?)"]),
    ("the purge of sessions", SESSION.purge, &["USING COVERING INDEX portcullis_session_end (expires_at<?)"]),
    ("a refresh token", REFRESH.by_id, &["SEARCH r USING PRIMARY KEY (id=?)"]),
    ("a refresh token and the next", REFRESH.by_ids, &["SEARCH r USING PRIMARY KEY (id=?)"]),
    ("the refresh tokens of a user", REFRESH.of_user, &["USING INDEX portcullis_refresh_user (user_id=?)"]),
    ("a rotation", REFRESH.rotate, &["USING PRIMARY KEY (id=?)"]),
    ("the end of a refresh token", REFRESH.revoke, &["USING PRIMARY KEY (id=?)"]),
    ("the end of a family", REFRESH.revoke_family, &["USING INDEX portcullis_refresh_family (family=?)"]),
    ("the end of a user's families", REFRESH.revoke_all, &["portcullis_refresh_user (user_id=?)"]),
    (
        "the purge of refresh tokens",
        REFRESH.purge,
        &["USING COVERING INDEX portcullis_refresh_end (expires_at<?)"],
    ),
    ("a counter", COUNTER.by_key, &["SEARCH c USING PRIMARY KEY (key=?)"]),
    ("the swap of a counter", COUNTER.swap, &["SEARCH portcullis_counter USING PRIMARY KEY (key=?)"]),
    ("the purge of counters", COUNTER.purge, &["USING COVERING INDEX portcullis_counter_end (ends_at<?)"]),
];

#[tokio::test]
async fn every_statement_goes_by_an_index() {
    let mut database = SqliteConnection::connect("sqlite::memory:").await.unwrap();
    for step in Sqlite::SCHEMA.steps {
        sqlx::raw_sql(step.sql).execute(&mut database).await.unwrap();
    }
    for (name, statement, wanted) in STATEMENTS {
        let plan = AssertSqlSafe(format!("explain query plan {statement}"));
        let rows = sqlx::query(plan).fetch_all(&mut database).await.unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
        for step in *wanted {
            assert!(plan.iter().any(|row| row.contains(step)), "{name}: no {step} in {plan:#?}");
        }
        // What a subquery has collected may be read through; a table may not.
        let scan = plan.iter().find(|row| row.starts_with("SCAN") && *row != "SCAN c");
        assert_eq!(scan, None, "{name}: {plan:#?}");
    }
}
