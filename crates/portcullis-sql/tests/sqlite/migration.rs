//! Opening a database and bringing it up to date.

use crate::common::{File, NOW, add_credentials, refresh_of, run};
use portcullis::store::{NewUser, RefreshStore, SessionStore, TokenStore, UserStore};
use portcullis::{Digest, UserId};
use portcullis_sql::{SqlError, SqlStore};
use sqlx::Row as _;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[tokio::test]
async fn migrating_again_changes_nothing() {
    let file = File::new();
    let store = file.store().await;
    let john = store.create_user(NewUser::new("john")).await.unwrap();
    assert_eq!(store.migrate().await.unwrap(), 0);
    assert!(store.is_migrated().await.unwrap());
    let again = file.store().await;
    again.migrate().await.unwrap();
    assert_eq!(again.user(&john.id).await.unwrap(), Some(john));
}

/// Two that switch to the write-ahead log at one moment are told at once that the database is busy: rare, so it is tried
/// often.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn eight_that_start_at_once_make_one_schema() {
    for _ in 0..60 {
        let file = File::new();
        let url = file.url();
        let starts: Vec<_> = (0..8)
            .map(|number| {
                let url = url.clone();
                tokio::spawn(async move {
                    let store = SqlStore::connect(&url).await?;
                    store.create_user(NewUser::new(format!("user{number}"))).await?;
                    Ok::<_, SqlError>(())
                })
            })
            .collect();
        for start in starts {
            start.await.unwrap().unwrap();
        }
        let steps = sqlx::query("select count(*), max(number) from portcullis_migration where major = 1");
        let steps = steps.fetch_one(&mut file.other().await).await.unwrap();
        assert!(steps.get::<i64, _>(0) > 1);
        assert_eq!(steps.get::<i64, _>(0), steps.get::<i64, _>(1), "no step is left out");
    }
}

#[tokio::test]
async fn a_file_that_another_program_reads_is_waited_for() {
    let file = File::new();
    let mut other = file.other().await;
    run(&mut other, "create table other (id integer); begin; select * from other").await;
    let release = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        run(&mut other, "rollback").await;
    };
    let url = file.url();
    let (store, ()) = tokio::join!(SqlStore::connect(&url), release);
    store.unwrap().create_user(NewUser::new("john")).await.unwrap();
}

#[tokio::test]
async fn other_programs_tables_and_migrations_are_left_alone() {
    let file = File::new();
    let mut other = file.other().await;
    run(
        &mut other,
        "create table _sqlx_migrations (version bigint primary key); insert into _sqlx_migrations values (7);
         create table user (id integer); insert into user values (1);",
    )
    .await;
    file.store().await;
    let names = sqlx::query(
        "select name from sqlite_master where type = 'table' and name not like 'portcullis\\_%' escape '\\'
         and name not like 'sqlite\\_%' escape '\\' order by name",
    );
    let names: Vec<String> =
        names.fetch_all(&mut other).await.unwrap().iter().map(|row| row.get("name")).collect();
    assert_eq!(names, ["_sqlx_migrations", "user"]);
    let row = sqlx::query("select version from _sqlx_migrations").fetch_one(&mut other).await.unwrap();
    assert_eq!(row.get::<i64, _>(0), 7);
}

/// A file that the first version made, with a user and his session in it.
#[tokio::test]
async fn tables_of_the_first_version_are_brought_up_to_date() {
    let file = File::new();
    let mut other = file.other().await;
    run(&mut other, include_str!("../../migrations/sqlite/0001_initial.sql")).await;
    run(
        &mut other,
        "create table portcullis_migration
            (number integer primary key, major integer not null, name text not null, applied_at integer not null) strict;
         insert into portcullis_migration values (1, 1, 'initial', 0);
         insert into portcullis_user values (7, 'john', '', null, 1, 0, 0, 0, 0);
         insert into portcullis_session values (zeroblob(32), '7', 0, 0, 0, 0, '', '');",
    )
    .await;
    let read_only = SqlStore::connect(&format!("{}?mode=ro", file.url())).await;
    assert!(matches!(read_only, Err(SqlError::ReadOnly)), "{read_only:?}");
    let store = file.store().await;
    let john = store.login("john").await.unwrap().unwrap().user;
    assert_eq!(store.sessions_of(&john.id).await.unwrap().len(), 1);
    let token = refresh_of("token", john.id.clone());
    store.create_refresh(token.clone()).await.unwrap();
    assert_eq!(store.refresh_of(&john.id).await.unwrap(), [token]);
}

#[tokio::test]
async fn tables_of_a_later_version() {
    for (step, verdict) in [("(99, 2, 'later', 0)", Some((2, 1))), ("(98, 1, 'later', 0)", None)] {
        let file = File::new();
        file.store().await;
        run(&mut file.other().await, &format!("insert into portcullis_migration values {step}")).await;
        match (SqlStore::connect(&file.url()).await, verdict) {
            (Err(SqlError::NewerSchema { found, known }), Some(wanted)) => assert_eq!((found, known), wanted),
            (Ok(store), None) => assert_eq!(store.migrate().await.unwrap(), 0),
            (answer, _) => panic!("{step}: {answer:?}"),
        }
    }
}

#[tokio::test]
async fn a_step_that_fails_leaves_nothing_behind() {
    let file = File::new();
    let mut other = file.other().await;
    run(&mut other, "create table portcullis_session (other integer)").await;
    let error = SqlStore::connect(&file.url()).await.unwrap_err();
    assert!(matches!(error, SqlError::Unavailable(_)), "{error}");
    let tables =
        sqlx::query("select name from sqlite_master where type = 'table' and name like 'portcullis%'");
    let tables = tables.fetch_all(&mut other).await.unwrap();
    assert_eq!(tables.len(), 1, "only the foreign one");
    run(&mut other, "drop table portcullis_session").await;
    file.store().await;
}

#[tokio::test]
async fn what_cannot_be_opened_is_an_error_at_once() {
    let garbage = File::new();
    std::fs::write(garbage.path(), "this is no database, and long enough to be read as one".repeat(50))
        .unwrap();
    let missing = File::new();
    let empty = File::new();
    std::fs::write(empty.path(), "").unwrap();
    for (name, url, wanted) in [
        ("garbage", garbage.url(), "not a database"),
        (
            "a missing directory",
            format!("sqlite:{}/no/such/app.db", missing.path().display()),
            "No such file",
        ),
        ("a missing file that must exist", format!("{}?mode=rw", missing.url()), "unable to open"),
        ("a missing file, read-only", format!("{}?mode=ro", missing.url()), "unable to open"),
        ("an empty file, read-only", format!("{}?mode=ro", empty.url()), "read-only"),
    ] {
        let began = Instant::now();
        let error = SqlStore::connect(&url).await.unwrap_err();
        assert!(error.to_string().contains(wanted), "{name}: {error}");
        assert!(began.elapsed() < Duration::from_secs(1), "{name}: {:?}", began.elapsed());
    }
    assert!(!missing.path().exists());
}

#[cfg(unix)]
#[tokio::test]
async fn a_new_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let file = File::new();
    let store = file.store().await;
    store.create_user(NewUser::new("john")).await.unwrap();
    for name in ["app.db", "app.db-wal", "app.db-shm"] {
        let mode = std::fs::metadata(file.path().with_file_name(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn each_database_in_memory_is_a_world_of_its_own() {
    let first = SqlStore::connect("sqlite::memory:").await.unwrap();
    let second = SqlStore::connect("sqlite::memory:").await.unwrap();
    first.create_user(NewUser::new("john")).await.unwrap();
    assert!(first.clone().login("john").await.unwrap().is_some(), "a clone shares it");
    assert!(second.login("john").await.unwrap().is_none());
}

/// The test runs itself as a second process, which says after each write that it was acknowledged, until it is killed.
#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    const FILE: &str = "PORTCULLIS_SQL_TEST_FILE";
    const TEST: &str = "migration::what_was_acknowledged_survives_a_kill";
    if let Ok(url) = std::env::var(FILE) {
        let store = SqlStore::connect(&url).await.unwrap();
        for number in 0.. {
            add_credentials(&store, &number.to_string(), &UserId::from(1)).await;
            eprintln!("acknowledged {number}");
        }
    }
    let file = File::new();
    let mut writer = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", TEST, "--nocapture"])
        .env(FILE, file.url())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(writer.stderr.take().unwrap()).lines().map_while(Result::ok);
    let acknowledged = lines.filter(|line| line.starts_with("acknowledged")).take(50).count();
    writer.kill().unwrap();
    writer.wait().unwrap();
    assert_eq!(acknowledged, 50);
    let store = file.store().await;
    for number in 0..acknowledged {
        let key = Digest::of(&number.to_string());
        assert!(store.token(&key).await.unwrap().is_some(), "token {number}");
        assert!(store.session(&key).await.unwrap().is_some(), "session {number}");
        assert!(store.refresh(&key).await.unwrap().is_some(), "refresh token {number}");
    }
    assert!(store.session(&Digest::of("50000")).await.unwrap().is_none());
    assert_eq!(store.purge_tokens(NOW, 10).await.unwrap().deleted, 0, "the file can be written again");
}
