//! Two programs at once, under READ COMMITTED: exactly one wins, and nothing that was ended lives on.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use crate::common::{Database, NOW, refresh_of, rotation_of, run, session_of, token};
use portcullis::store::{
    CounterStore, Group, Limit, NewUser, RefreshState, RefreshStore, Reserved, Revocation, Rotated,
    SessionChange, SessionStore, StoreError, TokenStore, UserStore,
};
use portcullis::{Digest, UserId};
use portcullis_sql::{SqlConfig, SqlStore};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

/// Runs something many times at once, in turns by two stores that share no connections, as two programs do.
async fn at_once<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    stores: &[SqlStore; 2],
    times: usize,
    task: impl Fn(SqlStore, usize) -> F,
) -> Vec<T> {
    let start = Arc::new(Barrier::new(times));
    let mut tasks = JoinSet::new();
    for (number, store) in stores.iter().cycle().take(times).enumerate() {
        let (task, start) = (task(store.clone(), number), Arc::clone(&start));
        tasks.spawn(async move {
            start.wait().await;
            task.await
        });
    }
    tasks.join_all().await
}

async fn two(database: &Database) -> [SqlStore; 2] {
    [database.store().await, database.store().await]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_programs_one_rotates() {
    let Some(database) = Database::new() else { return };
    let stores = two(&database).await;
    for round in 0..30 {
        let token = refresh_of(&round.to_string(), 1);
        stores[0].create_refresh(token.clone()).await.unwrap();
        let answers = at_once(&stores, 20, |store, number| {
            let rotation = rotation_of(&token, &format!("{round} {number}"));
            async move { store.rotate_refresh(rotation).await.unwrap() }
        })
        .await;
        let done = answers.iter().filter(|answer| matches!(answer, Rotated::Done(_))).count();
        let reused = answers.iter().filter(|answer| matches!(answer, Rotated::Reused { .. })).count();
        let revoked = answers.iter().filter(|answer| matches!(answer, Rotated::Revoked)).count();
        assert_eq!((done, reused, revoked), (1, 1, 18), "round {round}");
        assert!(stores[1].refresh_of(&UserId::from(1)).await.unwrap().is_empty(), "round {round}");
    }
}

/// The successor that a rotation adds is not seen by a statement that has begun before.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_rotation_never_saves_a_login_that_is_ended_meanwhile() {
    const WAYS: [&str; 4] = ["all", "family", "token", "family of nobody"];
    let Some(database) = Database::new() else { return };
    let stores = two(&database).await;
    let mut rotated_first = 0;
    for round in 0..400 {
        let way = WAYS[round % WAYS.len()];
        let user = UserId::from(i64::try_from(round).unwrap());
        let mut token = refresh_of(&format!("token {round}"), user.clone());
        if way == "family of nobody" {
            token.user = None;
        }
        stores[0].create_refresh(token.clone()).await.unwrap();
        let next = Digest::of(&format!("next {round}"));
        let done = at_once(&stores, 2, |store, number| {
            let (token, user) = (token.clone(), user.clone());
            let rotation = rotation_of(&token, &format!("next {round}"));
            async move {
                match (number, way) {
                    (0, _) => matches!(store.rotate_refresh(rotation).await.unwrap(), Rotated::Done(_)),
                    (_, "all") => store.revoke_refresh_all(&user).await.unwrap() == 1,
                    (_, "family") => store.revoke_refresh_family(&user, &token.family).await.unwrap(),
                    _ => {
                        let presented = token.clone();
                        store.revoke_refresh(presented, false).await.unwrap() != Revocation::Unknown
                    }
                }
            }
        })
        .await;
        assert!(done.iter().any(|done| *done), "round {round}");
        for id in [token.id, next] {
            let state = stores[0].refresh(&id).await.unwrap().map(|token| token.state);
            assert_ne!(state, Some(RefreshState::Live), "{way}, round {round}: it lives on");
            rotated_first += u32::from(id == next && state.is_some());
        }
    }
    assert!(rotated_first > 20, "the rotation was first only {rotated_first} times");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_programs_one_adopts() {
    let Some(database) = Database::new() else { return };
    let stores = two(&database).await;
    for round in 0..30 {
        let mut token = refresh_of(&round.to_string(), 1);
        if round % 2 == 0 {
            token.user = None;
        }
        let answers = at_once(&stores, 10, |store, number| {
            let mut rotation = rotation_of(&token, &format!("{round} {number}"));
            rotation.adopts = true;
            async move { store.rotate_refresh(rotation).await.unwrap() }
        })
        .await;
        let done = answers.iter().filter(|answer| matches!(answer, Rotated::Done(_))).count();
        let reused = answers.iter().filter(|answer| matches!(answer, Rotated::Reused { .. })).count();
        assert_eq!((done, reused), (1, 1), "round {round}: {answers:?}");
    }
    assert!(stores[0].refresh_of(&UserId::from(1)).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_more_tokens_are_kept_than_may_be() {
    let Some(database) = Database::new() else { return };
    let stores = two(&database).await;
    for round in 0..20_i64 {
        at_once(&stores, 12, |store, number| async move {
            let token = token(&format!("{round} {number}"), round);
            store.create_token(token, Some(3)).await.unwrap();
        })
        .await;
        assert_eq!(stores[0].tokens_of(&UserId::from(round)).await.unwrap().len(), 3, "round {round}");
    }
}

/// One statement finds a user's tokens by their age, another by their digest: they must not wait for each other in a circle.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tokens_that_are_ended_in_two_ways_at_once_are_ended() {
    let Some(database) = Database::new() else { return };
    database.store().await;
    // As in a large table, where each statement goes by an index of its own.
    let url = format!("{}?options=-c%20enable_seqscan%3Doff%20-c%20enable_bitmapscan%3Doff", database.url());
    let config = SqlConfig::default().with_timeout(Duration::from_secs(20));
    let store = SqlStore::connect_with(&url, config).await.unwrap();
    let mut old = ["a", "b", "c"].map(|name| token(name, 1));
    // The last by digest is the first by age.
    old.sort_by_key(|token| std::cmp::Reverse(token.digest));
    for (age, token) in old.iter_mut().rev().enumerate() {
        token.created_at = NOW.before(Duration::from_secs(1 + u64::try_from(age).unwrap()));
        store.create_token(token.clone(), None).await.unwrap();
    }
    let (mut other, middle) = (database.other().await, &old[1].digest);
    run(
        &mut other,
        &format!("begin; select 1 from portcullis_token where encode(digest, 'hex') = '{middle}' for update"),
    )
    .await;
    let revoke = tokio::spawn({
        let store = store.clone();
        async move { store.revoke_tokens(&UserId::from(1)).await }
    });
    let create = tokio::spawn(async move { store.create_token(token("new", 1), Some(1)).await });
    tokio::time::sleep(Duration::from_millis(500)).await;
    run(&mut other, "commit").await;
    let (revoke, create) = (revoke.await.unwrap(), create.await.unwrap());
    assert!(revoke.is_ok() && create.is_ok(), "{revoke:?} {create:?}");
}

/// A login changes the key of its session: whoever ends all sessions and waits for that ends the new key, too.
#[tokio::test]
async fn the_end_of_all_sessions_ends_one_whose_key_changes_meanwhile() {
    let Some(database) = Database::new() else { return };
    let store = database.store().await;
    for (except, is_left) in
        [(None, false), (Some(Digest::of("another")), false), (Some(Digest::of("new")), true)]
    {
        store.commit(SessionChange::Create(Digest::of("old"), session_of(1))).await.unwrap();
        let mut other = database.other().await;
        run(&mut other, "begin").await;
        let cycle = "update portcullis_session set key = $1 where key = $2";
        let (new, old) = (Digest::of("new"), Digest::of("old"));
        let cycle = sqlx::query(cycle).bind(&new.as_bytes()[..]).bind(&old.as_bytes()[..]);
        assert_eq!(cycle.execute(&mut other).await.unwrap().rows_affected(), 1);
        let end = tokio::spawn({
            let store = store.clone();
            async move { store.end_sessions(&UserId::from(1), except.as_ref()).await }
        });
        while database.connections("wait_event_type = 'Lock'").await == 0 {
            assert!(!end.is_finished(), "it does not wait");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        run(&mut other, "commit").await;
        assert_eq!(end.await.unwrap().unwrap(), u64::from(!is_left), "{except:?}");
        assert_eq!(store.session(&new).await.unwrap().is_some(), is_left, "{except:?}");
        store.end_sessions(&UserId::from(1), None).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_last_try_is_given_once() {
    let Some(database) = Database::new() else { return };
    let stores = two(&database).await;
    let limit = Limit::new(NonZeroU32::new(5).unwrap(), Duration::from_secs(600));
    for round in 0..20 {
        let key = Digest::of(&format!("round {round}"));
        let answers =
            at_once(&stores, 20, |store, _| async move { store.reserve(&key, &limit, NOW).await.unwrap() })
                .await;
        let granted = answers.iter().filter(|answer| **answer == Reserved::Granted).count();
        assert_eq!(granted, 5, "round {round}");
    }
}

/// New keys sweep counters that have ended, among them those that others use at that moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn counters_that_sweep_do_not_wait_for_each_other() {
    let Some(database) = Database::new() else { return };
    let stores = two(&database).await;
    let limit = Limit::new(NonZeroU32::new(5).unwrap(), Duration::from_secs(60));
    for round in 0..20_u32 {
        let now = NOW.after(Duration::from_secs(100) * round);
        at_once(&stores, 40, |store, number| async move {
            let key = Digest::of(&format!("key {}", number % 10 + usize::try_from(round % 3).unwrap()));
            store.reserve(&key, &limit, now).await.unwrap()
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_group_that_two_programs_replace_is_as_one_of_them_wrote_it() {
    let Some(database) = Database::new() else { return };
    let stores = two(&database).await;
    let john = NewUser::new("john").with_group("Authors");
    stores[0].put_group(Group::new("Authors", ["a.old"])).await.unwrap();
    let john = stores[0].create_user(john).await.unwrap();
    for round in 0..30 {
        at_once(&stores, 6, |store, number| async move {
            let codenames = [format!("a.first{number}"), "a.common".to_owned()];
            store.put_group(Group::new("Authors", codenames)).await.unwrap();
        })
        .await;
        let john = stores[0].user(&john.id).await.unwrap().unwrap();
        assert_eq!(john.codenames.len(), 2, "round {round}: {:?}", john.codenames);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_name_is_given_once_and_the_loser_holds_no_lock() {
    let Some(database) = Database::new() else { return };
    let stores = two(&database).await;
    let mut ids = BTreeSet::new();
    for round in 0..20 {
        let answers = at_once(&stores, 10, |store, _| async move {
            store.create_user(NewUser::new(format!("user{round}"))).await
        })
        .await;
        let conflicts = answers.iter().filter(|answer| matches!(answer, Err(StoreError::Conflict))).count();
        assert_eq!(conflicts, 9, "round {round}");
        ids.extend(answers.into_iter().flatten().map(|user| user.id.as_number().unwrap()));
        database.wait_for_none("state like 'idle in transaction%'").await;
    }
    assert_eq!(ids.len(), 20);
    let last = stores[0].login("user19").await.unwrap().unwrap().user;
    stores[0].delete_user(&last.id).await.unwrap();
    let new = stores[0].create_user(NewUser::new("user19")).await.unwrap();
    assert!(!ids.contains(&new.id.as_number().unwrap()), "an id was used again");
}
