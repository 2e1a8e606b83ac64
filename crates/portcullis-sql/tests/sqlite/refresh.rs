//! Refresh tokens, where the suite cannot look: two processes, what is written, and who is deleted.

use std::time::Duration;

use crate::common::{File, NOW, refresh_of, rotation_of};
use portcullis::store::{NewUser, Purged, RefreshState, RefreshStore, Revocation, Rotated, UserStore};
use portcullis::{Digest, UserId};
use portcullis_sql::SqlStore;
use sqlx::Row as _;
use sqlx::sqlite::SqliteConnection;

/// Two processes would not share a pool either.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_processes_one_rotates() {
    let file = File::new();
    let stores = [file.store().await, file.store().await];
    for round in 0..20 {
        let token = refresh_of(&round.to_string(), 1);
        stores[0].create_refresh(token.clone()).await.unwrap();
        let tasks: Vec<_> = (0..20)
            .map(|number| {
                let store = stores[number % 2].clone();
                let rotation = rotation_of(&token, &format!("{round} {number}"));
                tokio::spawn(async move { store.rotate_refresh(rotation).await.unwrap() })
            })
            .collect();
        let (mut done, mut reused) = (0, 0);
        for task in tasks {
            match task.await.unwrap() {
                Rotated::Done(_) => done += 1,
                Rotated::Reused { .. } => reused += 1,
                answer => assert_eq!(answer, Rotated::Revoked),
            }
        }
        assert_eq!((done, reused), (1, 1), "round {round}");
        assert!(stores[1].refresh_of(&UserId::from(1)).await.unwrap().is_empty(), "round {round}");
    }
}

/// A number that changes whenever another connection changes the database.
async fn version(other: &mut SqliteConnection) -> i64 {
    sqlx::query("pragma data_version").fetch_one(other).await.unwrap().get(0)
}

/// Whoever replays a dead token, and as often as he likes, makes the disk turn once.
#[tokio::test]
async fn where_nothing_changes_nothing_is_written() {
    let file = File::new();
    let store = file.store().await;
    let (live, dead, unknown) = (refresh_of("live", 1), refresh_of("dead", 2), refresh_of("unknown", 3));
    for token in [&live, &dead] {
        store.create_refresh(token.clone()).await.unwrap();
    }
    let rotate = async |token, next| store.rotate_refresh(rotation_of(token, next)).await;
    rotate(&dead, "next").await.unwrap();
    let mut other = file.other().await;
    let before = version(&mut other).await;
    assert!(matches!(rotate(&dead, "stolen").await.unwrap(), Rotated::Reused { .. }));
    let after = version(&mut other).await;
    assert_ne!(before, after, "the end of the family is written");
    for _ in 0..3 {
        assert_eq!(rotate(&dead, "stolen").await.unwrap(), Rotated::Revoked);
        assert_eq!(rotate(&unknown, "stolen").await.unwrap(), Rotated::Unknown);
        rotate(&live, "dead").await.unwrap_err();
        assert_eq!(store.revoke_refresh(dead.clone(), true).await.unwrap(), Revocation::Already);
        assert_eq!(store.revoke_refresh(unknown.clone(), false).await.unwrap(), Revocation::Unknown);
        assert!(!store.revoke_refresh_family(&UserId::from(2), &dead.family).await.unwrap());
        assert_eq!(store.revoke_refresh_all(&UserId::from(2)).await.unwrap(), 0);
        assert_eq!(version(&mut other).await, after);
    }
    assert_eq!(store.refresh(&live.id).await.unwrap(), Some(live));
}

/// Where they went with the user, whoever holds one that was revoked could have it adopted.
#[tokio::test]
async fn the_refresh_tokens_of_a_deleted_user_stay() {
    let store = SqlStore::connect("sqlite::memory:").await.unwrap();
    let john = store.create_user(NewUser::new("john")).await.unwrap();
    let token = refresh_of("token", john.id.clone());
    store.create_refresh(token.clone()).await.unwrap();
    store.revoke_refresh(token.clone(), true).await.unwrap();
    assert!(store.delete_user(&john.id).await.unwrap());
    let mut adoption = rotation_of(&token, "next");
    adoption.adopts = true;
    assert_eq!(store.rotate_refresh(adoption).await.unwrap(), Rotated::Revoked);
}

#[tokio::test]
async fn a_purge_goes_in_steps_and_finds_tombstones() {
    let store = SqlStore::connect("sqlite::memory:").await.unwrap();
    for number in 0..1_300 {
        let mut token = refresh_of(&number.to_string(), 1);
        if number < 1_200 {
            token.expires_at = NOW;
            token.state = RefreshState::Rotated { at: NOW, to: Digest::of("next") };
        }
        store.create_refresh(token).await.unwrap();
    }
    let before = NOW.before(Duration::from_micros(1));
    for (now, limit, deleted) in
        [(before, 10, 0), (NOW, 0, 0), (NOW, 1, 1), (NOW, 1_000, 1_000), (NOW, u32::MAX, 199), (NOW, 10, 0)]
    {
        assert_eq!(store.purge_refresh(now, limit).await.unwrap(), Purged::out_of(limit, deleted), "{limit}");
    }
    assert_eq!(store.refresh_of(&UserId::from(1)).await.unwrap().len(), 100);
}
