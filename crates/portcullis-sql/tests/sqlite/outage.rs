//! Outages: what cannot be answered is `Unavailable`, in time, and passes.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::common::{
    File, NOW, cycle_and_drop, every_change, in_time, look_up, rotate_and_drop, run, token,
    tokens_after_a_drop, unavailable, with_john,
};
use portcullis::store::{
    Group, NewUser, SessionChange, SessionStore, TokenStore, UserBySession, UserByToken, UserStore,
};
use portcullis::{Digest, UserId};
use portcullis_sql::SqlStore;

const TIMEOUT: Duration = Duration::from_millis(300);
/// What a busy machine may add to a time-out.
const GRACE: Duration = Duration::from_millis(500);

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
        // The next change waits for what is still under way.
        let settled = async || store.touch_token(&Digest::of("nothing"), NOW).await.unwrap();
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
            let kept = tokens_after_a_drop(&store, patience, &settled).await;
            assert!(
                kept == BTreeSet::from([Digest::of("a"), Digest::of("b")])
                    || kept == BTreeSet::from([Digest::of("b"), Digest::of("c")]),
                "round {round}: {kept:?}"
            );
            cycle_and_drop(&store, round, patience / 4, &settled).await;
            rotate_and_drop(&store, round, patience / 2, &settled).await;
        }
        assert!(dropped > 10, "only {dropped} were dropped");
        store.create_user(NewUser::new("last")).await.unwrap();
    }
}
