//! Making the tables and bringing them up to date.

use std::time::Duration;

use crate::common::{Database, NOW, add_credentials, number, run, token};
use portcullis::store::{NewUser, StoreError, TokenStore, UserStore};
use portcullis::{Digest, UserId};
use portcullis_sql::{SqlConfig, SqlError, SqlStore};
use sqlx::Row as _;

#[tokio::test]
async fn tables_are_made_when_that_is_asked() {
    let Some(database) = Database::new() else { return };
    let store = SqlStore::connect(database.url()).await.unwrap();
    assert!(!store.is_migrated().await.unwrap());
    assert_eq!(
        number(
            &mut database.other().await,
            "select count(*) from pg_tables where tablename like 'portcullis%'"
        )
        .await,
        0
    );
    assert!(store.migrate().await.unwrap() > 0);
    assert!(store.is_migrated().await.unwrap());
    let john = store.create_user(NewUser::new("john")).await.unwrap();
    assert_eq!(store.migrate().await.unwrap(), 0);
    let again = SqlStore::connect(database.url()).await.unwrap();
    assert_eq!(again.migrate().await.unwrap(), 0);
    assert_eq!(again.user(&john.id).await.unwrap(), Some(john));
}

#[tokio::test]
async fn tables_that_are_not_there_are_an_outage_that_says_what_to_do() {
    let Some(database) = Database::new() else { return };
    let store = SqlStore::connect(database.url()).await.unwrap();
    for answer in [
        store.user(&UserId::from(1)).await.map(drop),
        store.token(&Digest::of("token")).await.map(drop),
        store.create_token(token("token", 1), None).await,
        store.create_user(NewUser::new("john")).await.map(drop),
    ] {
        let error = answer.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
        assert!(error.to_string().contains("call `SqlStore::migrate()`"), "{error}");
    }
    database.store().await;
    store.create_user(NewUser::new("john")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_that_start_at_once_one_makes_the_tables() {
    for round in 0..20 {
        let Some(database) = Database::new() else { return };
        let start = |number: u32| {
            let url = database.url().to_owned();
            tokio::spawn(async move {
                let store =
                    SqlStore::connect_with(&url, SqlConfig::default().with_timeout(Duration::from_secs(20)))
                        .await?;
                let steps = store.migrate().await?;
                store.create_user(NewUser::new(format!("user{number}"))).await?;
                Ok::<_, SqlError>(steps)
            })
        };
        let starts = [start(0), start(1)];
        let mut applied = 0;
        for start in starts {
            applied += start.await.unwrap().unwrap_or_else(|error| panic!("round {round}: {error}"));
        }
        let steps = sqlx::query("select count(*), max(number) from portcullis_migration where major = 1");
        let steps = steps.fetch_one(&mut database.other().await).await.unwrap();
        assert_eq!(steps.get::<i64, _>(0), i64::from(applied), "round {round}");
        assert_eq!(steps.get::<i64, _>(1), i64::from(applied), "round {round}: no step is left out");
    }
}

#[tokio::test]
async fn tables_of_a_later_version() {
    for (step, verdict) in [("(99, 2, 'later', 0)", Some((2, 1))), ("(98, 1, 'later', 0)", None)] {
        let Some(database) = Database::new() else { return };
        let before = database.store().await;
        run(&mut database.other().await, &format!("insert into portcullis_migration values {step}")).await;
        match (SqlStore::connect(database.url()).await, verdict) {
            (Err(SqlError::NewerSchema { found, known }), Some(wanted)) => {
                assert_eq!((found, known), wanted);
                for answer in [before.migrate().await.map(drop), before.is_migrated().await.map(drop)] {
                    assert!(matches!(answer, Err(SqlError::NewerSchema { .. })), "{answer:?}");
                }
            }
            (Ok(store), None) => {
                assert_eq!(store.migrate().await.unwrap(), 0);
                add_credentials(&store, "key", &UserId::from(1)).await;
            }
            (answer, _) => panic!("{step}: {answer:?}"),
        }
    }
}

/// The connection goes back to rest, where nothing ends a transaction.
#[tokio::test]
async fn who_finds_a_later_version_after_waiting_keeps_no_lock() {
    let Some(database) = Database::new() else { return };
    let mut other = database.other().await;
    run(&mut other, "begin; select pg_advisory_xact_lock(hashtextextended('portcullis migration ', 0))")
        .await;
    let later = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        run(
            &mut other,
            "create table portcullis_migration
                (number bigint primary key, major bigint not null, name text not null, applied_at bigint not null);
             insert into portcullis_migration values (99, 2, 'later', 0); commit",
        )
        .await;
    };
    let store = SqlStore::connect(database.url()).await.unwrap();
    let (answer, ()) = tokio::join!(store.migrate(), later);
    assert!(matches!(answer, Err(SqlError::NewerSchema { .. })), "{answer:?}");
    database.wait_for_none("state <> 'idle'").await;
}

#[tokio::test]
async fn a_step_that_fails_leaves_nothing_behind_and_passes() {
    let Some(database) = Database::new() else { return };
    let mut other = database.other().await;
    run(&mut other, "create table portcullis_session (other integer)").await;
    let store = SqlStore::connect(database.url()).await.unwrap();
    let error = store.migrate().await.unwrap_err();
    assert!(error.to_string().contains("portcullis_session"), "{error}");
    let tables = "select count(*) from pg_tables where tablename like 'portcullis%'";
    assert_eq!(number(&mut other, tables).await, 1, "only the foreign one");
    run(&mut other, "drop table portcullis_session").await;
    store.migrate().await.unwrap();
    assert_eq!(store.purge_tokens(NOW, 10).await.unwrap().deleted, 0);
}

#[tokio::test]
async fn other_programs_tables_and_migrations_are_left_alone() {
    let Some(database) = Database::new() else { return };
    let mut other = database.other().await;
    run(
        &mut other,
        "create table _sqlx_migrations (version bigint primary key); insert into _sqlx_migrations values (7);
         create table \"user\" (id bigint)",
    )
    .await;
    database.store().await;
    let names =
        "select count(*) from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'S')
         and relname not like 'portcullis\\_%'";
    assert_eq!(number(&mut other, names).await, 2);
    assert_eq!(number(&mut other, "select version from _sqlx_migrations").await, 7);
}

/// A migration of another node may take longer than any verb.
#[tokio::test]
async fn who_migrates_waits_for_others_that_do_and_not_for_a_verbs_time() {
    let Some(database) = Database::new() else { return };
    let mut other = database.other().await;
    run(&mut other, "begin; select pg_advisory_xact_lock(hashtextextended('portcullis migration ', 0))")
        .await;
    let release = async {
        tokio::time::sleep(Duration::from_millis(600)).await;
        run(&mut other, "commit").await;
    };
    let config = SqlConfig::default().with_timeout(Duration::from_millis(300));
    let store = SqlStore::connect_with(database.url(), config).await.unwrap();
    let (steps, ()) = tokio::join!(store.migrate(), release);
    assert!(steps.unwrap() > 0);
}

#[tokio::test]
async fn no_error_shows_the_password() {
    let Some(database) = Database::new() else { return };
    let there = database.url().replace("@", ":s3cr3t@");
    let nowhere = "postgres://john:s3cr3t@127.0.0.1:1/app?password=s3cr3t".to_owned();
    let missing = format!("{there}_missing?password=s3cr3t");
    let tls = format!("{there}?sslmode=require&sslrootcert=s3cr3t");
    let host = "postgres://john:s3cr3t@no.such.host.invalid/app".to_owned();
    for url in [nowhere, missing, tls, host] {
        let error = SqlStore::connect(&url).await.unwrap_err();
        assert!(matches!(error, SqlError::Unavailable(_)), "{error:?}");
        for text in [error.to_string(), format!("{error:?}"), format!("{error:#?}")] {
            assert!(!text.contains("s3cr3t"), "{text}");
        }
    }
    let store = SqlStore::connect(&there).await.unwrap();
    assert_eq!(format!("{store:?}"), "SqlStore { .. }");
    let error = store.user(&UserId::from(1)).await.unwrap_err();
    assert!(!format!("{error:?} {error}").contains("s3cr3t"));
}
