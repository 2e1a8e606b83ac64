//! Outages: what cannot be answered is `Unavailable`, in time, and passes.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::common::{
    File, NOW, add_credentials, refresh_of, rotation_of, run, session_of, token, unavailable,
};
use portcullis::store::{
    Group, NewUser, RefreshState, RefreshStore, SessionChange, SessionStore, StoreError, TokenStore,
    UserBySession, UserByToken, UserChange, UserStore,
};
use portcullis::{Digest, Timestamp, UserId};
use portcullis_sql::SqlStore;

const TIMEOUT: Duration = Duration::from_millis(300);
/// What a busy machine may add to a time-out.
const GRACE: Duration = Duration::from_millis(500);

/// Runs every verb that changes something, and tells what each answered.
async fn every_change(store: &SqlStore) -> Vec<(&'static str, Result<(), StoreError>)> {
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
async fn look_up(store: &SqlStore) {
    let key = Digest::of("old");
    let (_, user) = store.user_by_token(&key).await.unwrap().unwrap();
    assert_eq!(user.unwrap().username, "john");
    let (_, user) = store.user_by_session(&key).await.unwrap().unwrap();
    assert_eq!(user.unwrap().username, "john");
    assert_eq!(store.refresh(&key).await.unwrap().unwrap().user, Some(UserId::from(1)));
    assert!(store.login("john").await.unwrap().is_some());
    assert!(store.login("mary").await.unwrap().is_none());
}

async fn with_john(store: &SqlStore) {
    let john = store.create_user(NewUser::new("john")).await.unwrap();
    add_credentials(store, "old", &john.id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_another_program_has_locked() {
    let file = File::new();
    let store = file.hasty_store(TIMEOUT).await;
    with_john(&store).await;
    let mut other = file.other().await;
    run(&mut other, "begin immediate").await;
    let began = Instant::now();
    let answers = every_change(&store).await;
    let longest = TIMEOUT * u32::try_from(answers.len()).unwrap() + GRACE;
    assert!(began.elapsed() < longest, "{:?}", began.elapsed());
    for (verb, answer) in answers {
        unavailable(answer, verb);
    }
    look_up(&store).await;
    run(&mut other, "rollback").await;
    for (verb, answer) in every_change(&store).await {
        assert!(answer.is_ok(), "{verb}: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_that_wait_for_a_lock_are_all_answered_in_time() {
    let file = File::new();
    let store = file.hasty_store(TIMEOUT).await;
    let mut other = file.other().await;
    run(&mut other, "begin immediate").await;
    let began = Instant::now();
    let waiting: Vec<_> = (0..30)
        .map(|number: i64| {
            let store = store.clone();
            tokio::spawn(async move { store.create_token(token(&number.to_string(), number), None).await })
        })
        .collect();
    for (number, task) in waiting.into_iter().enumerate() {
        unavailable(task.await.unwrap(), &number.to_string());
    }
    assert!(began.elapsed() < TIMEOUT + GRACE, "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_read_only_database_answers_look_ups_and_refuses_changes() {
    let file = File::new();
    let writer = file.store().await;
    with_john(&writer).await;
    let store = SqlStore::connect(&format!("{}?mode=ro", file.url())).await.unwrap();
    for (verb, answer) in every_change(&store).await {
        unavailable(answer, verb);
    }
    look_up(&store).await;
    writer.commit(SessionChange::Flush(Digest::of("old"))).await.unwrap();
    assert!(store.session(&Digest::of("old")).await.unwrap().is_none(), "it sees what others change");
}

#[tokio::test]
async fn missing_tables_are_an_outage_that_passes() {
    let file = File::new();
    let store = file.store().await;
    with_john(&store).await;
    let mut other = file.other().await;
    run(&mut other, "pragma legacy_alter_table = on").await;
    for table in ["portcullis_user", "portcullis_user_group", "portcullis_group_codename"] {
        run(&mut other, &format!("alter table {table} rename to aside")).await;
        let key = Digest::of("old");
        unavailable(store.user_by_token(&key).await, table);
        unavailable(store.user_by_session(&key).await, table);
        unavailable(store.user(&UserId::from(1)).await, table);
        unavailable(store.login("john").await, table);
        run(&mut other, &format!("alter table aside rename to {table}")).await;
        look_up(&store).await;
    }
}

/// SQLite itself ends the transaction in some failures (a full disk); the next one must find no trace of it.
#[tokio::test]
async fn a_transaction_that_the_database_gave_up_spoils_no_other() {
    let file = File::new();
    let store = file.store().await;
    let mut other = file.other().await;
    let trigger = "create trigger give_up before insert on portcullis_user_codename
        begin select raise(rollback, 'give up'); end";
    run(&mut other, trigger).await;
    let mary = || NewUser::new("mary").with_codename("books.add_book");
    unavailable(store.create_user(mary()).await, "a transaction that is given up");
    assert!(store.login("mary").await.unwrap().is_none());
    run(&mut other, "drop trigger give_up").await;
    store.create_user(mary()).await.unwrap();
}

/// hyper drops a handler's future when the client goes.
#[tokio::test(flavor = "multi_thread")]
async fn a_verb_dropped_half_way_is_done_wholly_or_not_at_all() {
    const ROUNDS: u32 = 150;
    let file = File::new();
    for store in [file.store().await, SqlStore::connect("sqlite::memory:").await.unwrap()] {
        store.put_group(Group::new("Authors", ["books.add_book"])).await.unwrap();
        let began = Instant::now();
        store.create_user(NewUser::new("first").with_group("Authors")).await.unwrap();
        let whole = began.elapsed();
        let mut dropped = 0;
        for round in 0..ROUNDS {
            let patience = whole * round / ROUNDS;
            let name = format!("user{round}");
            let user = NewUser::new(&name).with_group("Authors").with_codename("books.change_book");
            dropped += u32::from(!in_time(store.create_user(user), patience).await);
            if let Some(found) = store.login(&name).await.unwrap() {
                assert_eq!(found.user.groups.len(), 1, "{name}");
                assert_eq!(found.user.codenames.len(), 2, "{name}");
            }
            let kept = tokens_after_a_drop(&store, patience).await;
            assert!(
                kept == BTreeSet::from([Digest::of("a"), Digest::of("b")])
                    || kept == BTreeSet::from([Digest::of("b"), Digest::of("c")]),
                "round {round}: {kept:?}"
            );
            cycle_and_drop(&store, round, patience / 4).await;
            rotate_and_drop(&store, round, patience / 2).await;
        }
        assert!(dropped > 10, "only {dropped} were dropped");
        store.create_user(NewUser::new("last")).await.unwrap();
    }
}

/// Drops a verb that takes longer than this, and tells whether it did not.
async fn in_time<T>(verb: impl Future<Output = Result<T, StoreError>>, patience: Duration) -> bool {
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

/// Adds a third token where two are to be kept, and drops that.
async fn tokens_after_a_drop(store: &SqlStore, patience: Duration) -> BTreeSet<Digest> {
    let user = UserId::from("someone else's");
    store.revoke_tokens(&user).await.unwrap();
    for (name, age) in [("a", 2), ("b", 1)] {
        let mut token = token(name, user.clone());
        token.created_at = NOW.before(Duration::from_secs(age));
        store.create_token(token, None).await.unwrap();
    }
    in_time(store.create_token(token("c", user.clone()), Some(2)), patience).await;
    // The next change waits for what is still under way.
    store.touch_token(&Digest::of("nothing"), NOW).await.unwrap();
    store.tokens_of(&user).await.unwrap().into_iter().map(|token| token.digest).collect()
}

/// Rotates a refresh token and drops that: it is live still, or the one that follows is.
async fn rotate_and_drop(store: &SqlStore, round: u32, patience: Duration) {
    let (old, new) = (refresh_of(&format!("old{round}"), 1), format!("new{round}"));
    store.create_refresh(old.clone()).await.unwrap();
    in_time(store.rotate_refresh(rotation_of(&old, &new)), patience).await;
    store.touch_token(&Digest::of("nothing"), NOW).await.unwrap();
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
async fn cycle_and_drop(store: &SqlStore, round: u32, patience: Duration) {
    let (from, to) = (Digest::of(&format!("from{round}")), Digest::of(&format!("to{round}")));
    store.commit(SessionChange::Create(from, session_of(1))).await.unwrap();
    in_time(store.commit(SessionChange::Cycle(from, to, session_of(1))), patience).await;
    store.touch_token(&Digest::of("nothing"), NOW).await.unwrap();
    let alive = [store.session(&from).await.unwrap().is_some(), store.session(&to).await.unwrap().is_some()];
    assert_eq!(alive.iter().filter(|alive| **alive).count(), 1, "round {round}: {alive:?}");
}
