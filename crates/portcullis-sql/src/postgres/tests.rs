use portcullis_servers::or_left_out;
use sqlx::postgres::{PgConnection, Postgres};
use sqlx::{AssertSqlSafe, Connection as _, Row as _};

use crate::engine::{CounterSql, Engine as _, RefreshSql, SessionSql, TokenSql, UserSql};

const USER: UserSql = Postgres::USER;
const TOKEN: TokenSql = Postgres::TOKEN;
const SESSION: SessionSql = Postgres::SESSION;
const REFRESH: RefreshSql = Postgres::REFRESH;
const COUNTER: CounterSql = Postgres::COUNTER;
const LOCK_OF_A_LOGIN: &str = match REFRESH.lock {
    Some(lock) => lock,
    None => panic!("a rotation and the end of a login do not take turns"),
};

/// Every statement that finds rows, and the indices by which PostgreSQL is to find them.
const STATEMENTS: &[(&str, &str, &[&str])] = &[
    ("a user by id", USER.by_id, &["portcullis_user_pkey"]),
    ("a user by name", USER.login, &["portcullis_user_username_key"]),
    ("the list of users", USER.list, &["portcullis_user_pkey"]),
    ("a change of a user", USER.update, &["portcullis_user_pkey"]),
    ("the end of a user", USER.delete, &["portcullis_user_pkey"]),
    ("the codenames of a group", USER.clear_group, &["portcullis_group_codename_pkey"]),
    ("a token", TOKEN.by_digest, &["portcullis_token_pkey"]),
    ("a token with its user", TOKEN.with_user, &["portcullis_token_pkey", "portcullis_user_pkey"]),
    ("the tokens of a user", TOKEN.of_user, &["portcullis_token_user"]),
    ("the oldest tokens of a user", TOKEN.trim, &["portcullis_token_user", "portcullis_token_pkey"]),
    ("the use of a token", TOKEN.touch, &["portcullis_token_pkey"]),
    ("the end of a token", TOKEN.revoke, &["portcullis_token_pkey"]),
    ("the end of a user's tokens", TOKEN.revoke_all, &["portcullis_token_user"]),
    ("the purge of tokens", TOKEN.purge, &["portcullis_token_end", "portcullis_token_pkey"]),
    ("a session", SESSION.by_key, &["portcullis_session_pkey"]),
    ("a session with its user", SESSION.with_user, &["portcullis_session_pkey", "portcullis_user_pkey"]),
    ("the sessions of a user", SESSION.of_user, &["portcullis_session_user"]),
    ("the save of a session", SESSION.save, &["portcullis_session_pkey"]),
    ("the use of a session", SESSION.touch, &["portcullis_session_pkey"]),
    ("a new key", SESSION.cycle, &["portcullis_session_pkey"]),
    ("a flush", SESSION.flush, &["portcullis_session_pkey"]),
    ("the end of a session", SESSION.end, &["portcullis_session_pkey"]),
    ("the end of a user's sessions", SESSION.end_all, &["portcullis_session_user"]),
    ("the purge of sessions", SESSION.purge, &["portcullis_session_end", "portcullis_session_pkey"]),
    ("a refresh token", REFRESH.by_id, &["portcullis_refresh_pkey"]),
    ("a refresh token and the next", REFRESH.by_ids, &["portcullis_refresh_pkey"]),
    ("the refresh tokens of a user", REFRESH.of_user, &["portcullis_refresh_user"]),
    ("a rotation", REFRESH.rotate, &["portcullis_refresh_pkey"]),
    ("the end of a refresh token", REFRESH.revoke, &["portcullis_refresh_pkey"]),
    ("the end of a family", REFRESH.revoke_family, &["portcullis_refresh_family"]),
    ("the end of a user's families", REFRESH.revoke_all, &["portcullis_refresh_user"]),
    ("the purge of refresh tokens", REFRESH.purge, &["portcullis_refresh_end", "portcullis_refresh_pkey"]),
    ("a counter", COUNTER.by_key, &["portcullis_counter_pkey"]),
    ("the lock of a counter", COUNTER.lock, &["portcullis_counter_pkey"]),
    ("the swap of a counter", COUNTER.swap, &["portcullis_counter_pkey"]),
    ("the purge of counters", COUNTER.purge, &["portcullis_counter_end", "portcullis_counter_pkey"]),
    ("the lock of a login", LOCK_OF_A_LOGIN, &["portcullis_refresh_pkey"]),
];

/// Prepared as the driver does, with the plan that fits any value.
async fn plan(database: &mut PgConnection, statement: &str) -> Vec<String> {
    let values = (1..=9).rev().find(|number| statement.contains(&format!("${number}"))).unwrap();
    let values = vec!["null"; values].join(", ");
    let explain = format!("prepare it as {statement}; explain execute it({values}); deallocate it");
    let rows = sqlx::raw_sql(AssertSqlSafe(explain)).fetch_all(database).await;
    rows.unwrap_or_else(|error| panic!("{statement}: {error}")).iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn every_statement_goes_by_an_index() {
    let Some(server) = or_left_out(portcullis_servers::Postgres::shared()) else { return };
    let mut database = PgConnection::connect(&server.database()).await.unwrap();
    for step in Postgres::SCHEMA.steps {
        sqlx::raw_sql(step.sql).execute(&mut database).await.unwrap();
    }
    // Where an index serves, an empty table is not read through, either; and no sort or map of rows takes its place.
    let settings =
        "set enable_seqscan = off; set enable_bitmapscan = off; set plan_cache_mode = force_generic_plan";
    sqlx::raw_sql(settings).execute(&mut database).await.unwrap();
    for (name, statement, wanted) in STATEMENTS {
        let plan = plan(&mut database, statement).await;
        for index in *wanted {
            let by_index = format!(" using {index} on ");
            let has_condition =
                plan.windows(2).any(|lines| lines[0].contains(&by_index) && lines[1].contains("Index Cond:"));
            assert!(has_condition, "{name}: no {index} in {plan:#?}");
        }
        let scan = plan.iter().find(|line| line.contains("Seq Scan"));
        assert_eq!(scan, None, "{name}: {plan:#?}");
    }
}
