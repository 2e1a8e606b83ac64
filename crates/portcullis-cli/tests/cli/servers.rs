//! The same on servers: Redis keeps sessions and refresh tokens, PostgreSQL the rest.

use portcullis_redis::{RedisConfig, RedisStore};
use portcullis_servers::{Postgres, Redis, or_left_out, unique};
use portcullis_sql::SqlStore;
use tempfile::TempDir;

use crate::harness::Shell;
use crate::scenario;

#[tokio::test]
async fn sessions_and_refresh_tokens_lie_in_redis() {
    let Some(redis) = or_left_out(Redis::shared()) else { return };
    let (directory, url, namespace) = (TempDir::new().unwrap(), redis.url(), unique("cli"));
    let shell = Shell {
        sessions: Some(&url),
        namespace: Some(&namespace),
        ..Shell::new(directory.path(), "sqlite:app.db")
    };
    assert_eq!(shell.run("migrate", "").code, 0);
    let sql = SqlStore::connect(&format!("sqlite:{}/app.db", directory.path().display())).await.unwrap();
    let config = RedisConfig::default().with_namespace(&namespace);
    let store = RedisStore::connect_with(&url, config).await.unwrap();
    scenario::play_all(&shell, &sql, &store).await;
}

#[test]
fn a_redis_that_cannot_be_used_is_told_from_a_url_that_is_wrong() {
    let directory = TempDir::new().unwrap();
    let plain = Shell::new(directory.path(), "sqlite:app.db");
    assert_eq!(plain.run("migrate", "").code, 0);
    for (url, code) in [
        ("redis://:secret123@127.0.0.1:1", 3),
        ("redis+cluster://:secret123@127.0.0.1:1,127.0.0.1:2", 3),
        ("mongodb://:secret123@127.0.0.1", 2),
        ("redis://:secret123@127.0.0.1/zero", 2),
        ("", 0),
    ] {
        let shell = Shell { sessions: Some(url), ..plain };
        for line in ["session purge", "refresh purge", "clearsessions", "flushexpiredtokens", "check"] {
            let ran = shell.run(line, "");
            assert_eq!(ran.code, code, "{url} {line}: {ran:?}");
            assert!(!ran.stderr.contains("secret123"), "{url} {line}: {ran:?}");
        }
        let ran = shell.run("user list", "");
        assert_eq!(ran.code, 0, "{url}: users are seen to without Redis: {ran:?}");
    }
    let shell = Shell { sessions: Some("redis://127.0.0.1:1"), namespace: Some("a b"), ..plain };
    assert_eq!(shell.run("session purge", "").code, 2);
}

#[tokio::test]
async fn everything_may_lie_in_postgresql() {
    let Some(postgres) = or_left_out(Postgres::shared()) else { return };
    let (directory, url) = (TempDir::new().unwrap(), postgres.database());
    let shell = Shell::new(directory.path(), &url);
    for line in ["user list", "check", "session purge"] {
        let ran = shell.run(line, "");
        assert_eq!((ran.code, ran.stdout.as_str()), (3, ""), "{line}: {ran:?}");
        assert!(ran.stderr.contains("run `portcullis migrate`"), "{line}: {ran:?}");
    }
    for _ in 0..2 {
        assert_eq!(shell.run("migrate", "").stdout, "The tables are up to date.\n");
    }
    let store = SqlStore::connect(&url).await.unwrap();
    scenario::play_all(&shell, &store, &store).await;
}

#[tokio::test]
async fn users_may_lie_in_postgresql_and_sessions_in_redis() {
    let Some(postgres) = or_left_out(Postgres::shared()) else { return };
    let Some(redis) = or_left_out(Redis::shared()) else { return };
    let (directory, url, sessions) = (TempDir::new().unwrap(), postgres.database(), redis.url());
    let namespace = unique("cli");
    let shell = Shell {
        sessions: Some(&sessions),
        namespace: Some(&namespace),
        ..Shell::new(directory.path(), &url)
    };
    assert_eq!(shell.run("migrate", "").code, 0);
    let config = RedisConfig::default().with_namespace(&namespace);
    let store = RedisStore::connect_with(&sessions, config).await.unwrap();
    scenario::play_all(&shell, &SqlStore::connect(&url).await.unwrap(), &store).await;
}

#[test]
fn a_server_that_does_not_answer_is_an_outage_without_its_password() {
    let directory = TempDir::new().unwrap();
    for (store, code) in [
        ("postgres://shop:secret123@127.0.0.1:1/shop", 3),
        ("postgresql://shop:secret123@127.0.0.1:1/shop", 3),
        ("postgres://shop:secret123@127.0.0.1:1/shop?no=such", 2),
    ] {
        for line in ["migrate", "user list", "check"] {
            let ran = Shell::new(directory.path(), store).run(line, "");
            assert_eq!((ran.code, ran.stdout.as_str()), (code, ""), "{store} {line}: {ran:?}");
            assert!(!ran.stderr.contains("secret123"), "{store} {line}: {ran:?}");
            assert_eq!(ran.stderr.lines().count(), 1, "{store} {line}: {ran:?}");
        }
    }
}
