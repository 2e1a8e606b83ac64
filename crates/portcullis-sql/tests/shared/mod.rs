//! What the tests of each database share: records, and verbs.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::time::{Duration, Instant};

use portcullis::store::{
    Group, NewUser, RefreshRecord, RefreshState, RefreshStore, Rotation, SessionChange, SessionRecord,
    SessionStore, StoreError, TokenRecord, TokenStore, UserBySession, UserByToken, UserChange, UserStore,
};
use portcullis::{Digest, Timestamp, UserId};
use portcullis_sql::SqlStore;

pub(crate) mod values;

pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

pub(crate) fn token(name: &str, user: impl Into<UserId>) -> TokenRecord {
    TokenRecord::new(Digest::of(name), user.into(), NOW)
}

pub(crate) fn session_of(user: impl Into<UserId>) -> SessionRecord {
    let mut session = SessionRecord::new(NOW, NOW.after(Duration::from_secs(3600)));
    session.user = Some(user.into());
    session
}

pub(crate) fn refresh_of(name: &str, user: impl Into<UserId>) -> RefreshRecord {
    RefreshRecord::new(Digest::of(name), Some(user.into()), NOW, NOW.after(Duration::from_secs(3600)))
}

pub(crate) fn rotation_of(presented: &RefreshRecord, next: &str) -> Rotation {
    Rotation::new(presented.clone(), Digest::of(next), NOW.after(Duration::from_secs(7200)), NOW)
}

/// Adds a token, a session and a refresh token, all called `name`, of one user.
pub(crate) async fn add_credentials(store: &SqlStore, name: &str, user: &UserId) {
    store.create_token(token(name, user.clone()), None).await.unwrap();
    let create = SessionChange::Create(Digest::of(name), session_of(user.clone()));
    store.commit(create).await.unwrap();
    store.create_refresh(refresh_of(name, user.clone())).await.unwrap();
}

/// Insists that an answer is an outage, and nothing else.
#[expect(clippy::needless_pass_by_value, reason = "it takes the answer where it is made")]
pub(crate) fn unavailable<T: Debug>(answer: Result<T, StoreError>, what: &str) {
    assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{what}: {answer:?}");
}

/// Runs every verb that changes something, and tells what each answered.
pub(crate) async fn every_change(store: &SqlStore) -> Vec<(&'static str, Result<(), StoreError>)> {
    let (user, key) = (UserId::from(1), Digest::of("old"));
    let (session, old) = (session_of(1), refresh_of("old", 1));
    let adopted = {
        let mut rotation = rotation_of(&refresh_of("unknown", 1), "adopted");
        rotation.adopts = true;
        rotation
    };
    let raise = {
        let mut change = UserChange::default();
        change.raise_epoch = true;
        change
    };
    vec![
        ("create_user", store.create_user(NewUser::new("mary")).await.map(drop)),
        ("update_user", store.update_user(&user, raise).await.map(drop)),
        ("delete_user", store.delete_user(&user).await.map(drop)),
        ("put_group", store.put_group(Group::new("Authors", ["books.add_book"])).await),
        ("create_token", store.create_token(token("new", 1), None).await),
        ("create_token with keep", store.create_token(token("newer", 1), Some(1)).await),
        ("touch_token", store.touch_token(&key, NOW).await),
        ("revoke_token", store.revoke_token(&user, &key).await.map(drop)),
        ("revoke_tokens", store.revoke_tokens(&user).await.map(drop)),
        ("purge_tokens", store.purge_tokens(Timestamp::MAX, 10).await.map(drop)),
        ("create", store.commit(SessionChange::Create(Digest::of("new"), session.clone())).await.map(drop)),
        ("save", store.commit(SessionChange::Save(key, session.clone())).await.map(drop)),
        ("touch", store.commit(SessionChange::Touch(key, NOW, NOW)).await.map(drop)),
        ("cycle", store.commit(SessionChange::Cycle(key, Digest::of("to"), session)).await.map(drop)),
        ("flush", store.commit(SessionChange::Flush(key)).await.map(drop)),
        ("end_session", store.end_session(&user, &key).await.map(drop)),
        ("end_sessions", store.end_sessions(&user, None).await.map(drop)),
        ("purge_sessions", store.purge_sessions(Timestamp::MAX, 10).await.map(drop)),
        ("create_refresh", store.create_refresh(refresh_of("new", 1)).await),
        ("rotate_refresh", store.rotate_refresh(rotation_of(&old, "next")).await.map(drop)),
        ("rotate_refresh of a replay", store.rotate_refresh(rotation_of(&old, "later")).await.map(drop)),
        ("rotate_refresh that adopts", store.rotate_refresh(adopted).await.map(drop)),
        ("revoke_refresh", store.revoke_refresh(old.clone(), false).await.map(drop)),
        ("revoke_refresh that adopts", store.revoke_refresh(refresh_of("strange", 1), true).await.map(drop)),
        ("revoke_refresh_family", store.revoke_refresh_family(&user, &key).await.map(drop)),
        ("revoke_refresh_all", store.revoke_refresh_all(&user).await.map(drop)),
        ("purge_refresh", store.purge_refresh(Timestamp::MAX, 10).await.map(drop)),
    ]
}

/// Insists that john, his token and his session are found.
pub(crate) async fn look_up(store: &SqlStore) {
    let key = Digest::of("old");
    let (_, user) = store.user_by_token(&key).await.unwrap().unwrap();
    assert_eq!(user.unwrap().username, "john");
    let (_, user) = store.user_by_session(&key).await.unwrap().unwrap();
    assert_eq!(user.unwrap().username, "john");
    assert_eq!(store.refresh(&key).await.unwrap().unwrap().user, Some(UserId::from(1)));
    assert!(store.login("john").await.unwrap().is_some());
    assert!(store.login("mary").await.unwrap().is_none());
}

pub(crate) async fn with_john(store: &SqlStore) {
    let john = store.create_user(NewUser::new("john")).await.unwrap();
    add_credentials(store, "old", &john.id).await;
}

/// Drops a verb that takes longer than this, and tells whether it did not.
pub(crate) async fn in_time<T>(
    verb: impl Future<Output = Result<T, StoreError>>,
    patience: Duration,
) -> bool {
    let began = Instant::now();
    let impatience = async {
        while began.elapsed() < patience {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        answer = verb => answer.map(|_| true).unwrap(),
        () = impatience => false,
    }
}

/// Adds a third token where two are to be kept, drops that, and waits until nothing is under way.
pub(crate) async fn tokens_after_a_drop(
    store: &SqlStore,
    patience: Duration,
    settled: &impl AsyncFn(),
) -> BTreeSet<Digest> {
    let user = UserId::from("someone else's");
    store.revoke_tokens(&user).await.unwrap();
    for (name, age) in [("a", 2), ("b", 1)] {
        let mut token = token(name, user.clone());
        token.created_at = NOW.before(Duration::from_secs(age));
        store.create_token(token, None).await.unwrap();
    }
    in_time(store.create_token(token("c", user.clone()), Some(2)), patience).await;
    settled().await;
    store.tokens_of(&user).await.unwrap().into_iter().map(|token| token.digest).collect()
}

/// Rotates a refresh token and drops that: it is live still, or the one that follows is.
pub(crate) async fn rotate_and_drop(
    store: &SqlStore,
    round: u32,
    patience: Duration,
    settled: &impl AsyncFn(),
) {
    let (old, new) = (refresh_of(&format!("old{round}"), 1), format!("new{round}"));
    store.create_refresh(old.clone()).await.unwrap();
    in_time(store.rotate_refresh(rotation_of(&old, &new)), patience).await;
    settled().await;
    let (found, next) =
        (store.refresh(&old.id).await.unwrap(), store.refresh(&Digest::of(&new)).await.unwrap());
    let rotated = RefreshState::Rotated { at: NOW, to: Digest::of(&new) };
    match found.map(|token| token.state) {
        Some(RefreshState::Live) => assert_eq!(next, None, "round {round}"),
        state => {
            assert_eq!(state, Some(rotated), "round {round}");
            assert_eq!(next.map(|token| token.state), Some(RefreshState::Live), "round {round}");
        }
    }
}

/// Cycles a session and drops that: one key must be alive, and one only.
pub(crate) async fn cycle_and_drop(
    store: &SqlStore,
    round: u32,
    patience: Duration,
    settled: &impl AsyncFn(),
) {
    let (from, to) = (Digest::of(&format!("from{round}")), Digest::of(&format!("to{round}")));
    store.commit(SessionChange::Create(from, session_of(1))).await.unwrap();
    in_time(store.commit(SessionChange::Cycle(from, to, session_of(1))), patience).await;
    settled().await;
    let alive = [store.session(&from).await.unwrap().is_some(), store.session(&to).await.unwrap().is_some()];
    assert_eq!(alive.iter().filter(|alive| **alive).count(), 1, "round {round}: {alive:?}");
}
