//! Values at the edge, and what the suites leave to each store.

use std::time::Duration;

use crate::common::{File, run, session_of, unavailable};
use crate::shared::values as shared;
use portcullis::store::{NewUser, SessionChange, SessionStore, UserChange, UserStore};
use portcullis::{Digest, UserId};
use portcullis_sql::{SqlConfig, SqlStore};
use sqlx::{Connection as _, SqliteConnection};

#[tokio::test]
async fn a_name_that_the_database_would_read_as_another_is_refused() {
    shared::names_that_are_refused(SqlStore::connect("sqlite::memory:").await.unwrap()).await;
}

#[tokio::test]
async fn the_end_of_a_token_follows_its_use() {
    shared::ends_of_tokens(SqlStore::connect("sqlite::memory:").await.unwrap()).await;
}

#[tokio::test]
async fn a_purge_deletes_no_more_than_asked_in_steps() {
    shared::purges(SqlStore::connect("sqlite::memory:").await.unwrap()).await;
}

#[tokio::test]
async fn an_epoch_that_cannot_be_raised_keeps_the_old_password() {
    let file = File::new();
    let store = file.store().await;
    let john = store.create_user(NewUser::new("john")).await.unwrap();
    let most = format!("update portcullis_user set auth_epoch = {}", i64::MAX);
    run(&mut file.other().await, &most).await;
    let mut change = UserChange::default();
    change.password = Some(Some(portcullis::PasswordHash::new("new")));
    change.raise_epoch = true;
    unavailable(store.update_user(&john.id, change).await, "an epoch beyond the last");
    assert_eq!(store.login("john").await.unwrap().unwrap().password, None);
}

#[tokio::test]
async fn what_was_deleted_is_gone_for_every_connection() {
    let file = File::new();
    let (first, second) = (file.store().await, file.store().await);
    for number in 0..20 {
        let key = Digest::of(&number.to_string());
        first.commit(SessionChange::Create(key, session_of(1))).await.unwrap();
        assert!(second.session(&key).await.unwrap().is_some());
        second.end_sessions(&UserId::from(1), None).await.unwrap();
        assert!(first.session(&key).await.unwrap().is_none());
    }
}

#[test]
fn debug_shows_no_path_and_no_values() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let store = runtime.block_on(SqlStore::connect("sqlite::memory:")).unwrap();
    assert_eq!(format!("{store:?}"), "SqlStore { .. }");
}

#[tokio::test]
async fn a_user_to_whom_an_application_refers_is_not_deleted() {
    let file = File::new();
    let patient = SqlConfig::default().with_timeout(Duration::MAX);
    let store = SqlStore::connect_with(&file.url(), patient).await.unwrap();
    store.create_user(NewUser::new("john")).await.unwrap();
    let mut other = SqliteConnection::connect(&file.url()).await.unwrap();
    run(&mut other, "create table shop_order (user_id integer references portcullis_user (id))").await;
    run(&mut other, "insert into shop_order select id from portcullis_user").await;
    shared::a_user_who_is_referred_to(store).await;
}
