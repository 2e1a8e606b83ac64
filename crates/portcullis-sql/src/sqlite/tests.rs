use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Connection as _, Row as _};

use super::{counter, migration, refresh, session, token, user};

/// Every statement, and the indices by which SQLite is to find the rows.
const STATEMENTS: &[(&str, &str, &[&str])] = &[
    ("a user by id", user::BY_ID, &["SEARCH u USING INTEGER PRIMARY KEY"]),
    ("a user by name", user::LOGIN, &["SEARCH u USING INDEX sqlite_autoindex_portcullis_user_1"]),
    ("a change of a user", user::UPDATE, &["USING INTEGER PRIMARY KEY"]),
    ("the end of a user", user::DELETE, &["USING INTEGER PRIMARY KEY"]),
    ("the codenames of a group", user::CLEAR_GROUP, &["USING PRIMARY KEY (group_name=?)"]),
    ("a token", token::BY_DIGEST, &["SEARCH t USING PRIMARY KEY (digest=?)"]),
    (
        "a token with its user",
        token::WITH_USER,
        &["SEARCH t USING PRIMARY KEY (digest=?)", "SEARCH u USING INTEGER PRIMARY KEY"],
    ),
    ("the tokens of a user", token::OF_USER, &["USING INDEX portcullis_token_user (user_id=?)"]),
    ("the oldest tokens of a user", token::TRIM, &["USING COVERING INDEX portcullis_token_user (user_id=?)"]),
    ("the use of a token", token::TOUCH, &["USING PRIMARY KEY (digest=?)"]),
    ("the end of a token", token::REVOKE, &["USING PRIMARY KEY (digest=?)"]),
    ("the end of a user's tokens", token::REVOKE_ALL, &["portcullis_token_user (user_id=?)"]),
    ("the purge of tokens", token::PURGE, &["USING COVERING INDEX portcullis_token_end (ends_at<?)"]),
    ("a session", session::BY_KEY, &["SEARCH s USING PRIMARY KEY (key=?)"]),
    (
        "a session with its user",
        session::WITH_USER,
        &["SEARCH s USING PRIMARY KEY (key=?)", "SEARCH u USING INTEGER PRIMARY KEY"],
    ),
    ("the sessions of a user", session::OF_USER, &["USING INDEX portcullis_session_user (user_id=?)"]),
    ("the save of a session", session::SAVE, &["USING PRIMARY KEY (key=?)"]),
    ("the use of a session", session::TOUCH, &["USING PRIMARY KEY (key=?)"]),
    ("a new key", session::CYCLE, &["USING PRIMARY KEY (key=?)"]),
    ("a flush", session::FLUSH, &["USING PRIMARY KEY (key=?)"]),
    ("the end of a session", session::END, &["USING PRIMARY KEY (key=?)"]),
    ("the end of a user's sessions", session::END_ALL, &["portcullis_session_user (user_id=?)"]),
    (
        "the purge of sessions",
        session::PURGE,
        &["USING COVERING INDEX portcullis_session_end (expires_at<?)"],
    ),
    ("a refresh token", refresh::BY_ID, &["SEARCH r USING PRIMARY KEY (id=?)"]),
    ("a refresh token and the next", refresh::BY_IDS, &["SEARCH r USING PRIMARY KEY (id=?)"]),
    ("the refresh tokens of a user", refresh::OF_USER, &["USING INDEX portcullis_refresh_user (user_id=?)"]),
    ("a rotation", refresh::ROTATE, &["USING PRIMARY KEY (id=?)"]),
    ("the end of a refresh token", refresh::REVOKE, &["USING PRIMARY KEY (id=?)"]),
    ("the end of a family", refresh::REVOKE_FAMILY, &["USING INDEX portcullis_refresh_family (family=?)"]),
    ("the end of a user's families", refresh::REVOKE_ALL, &["portcullis_refresh_user (user_id=?)"]),
    (
        "the purge of refresh tokens",
        refresh::PURGE,
        &["USING COVERING INDEX portcullis_refresh_end (expires_at<?)"],
    ),
    ("a counter", counter::BY_KEY, &["SEARCH c USING PRIMARY KEY (key=?)"]),
    ("the purge of counters", counter::PURGE, &["USING COVERING INDEX portcullis_counter_end (ends_at<?)"]),
];

#[tokio::test]
async fn every_statement_goes_by_an_index() {
    let mut database = SqliteConnection::connect("sqlite::memory:").await.unwrap();
    for migration in migration::MIGRATIONS {
        sqlx::raw_sql(migration.sql).execute(&mut database).await.unwrap();
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
