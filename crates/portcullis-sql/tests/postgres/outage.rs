//! Outages: what cannot be answered is `Unavailable`, in time, and passes; nothing is left behind.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::common::{
    Database, NOW, Wire, add_credentials, cycle_and_drop, every_change, in_time, look_up, number, refresh_of,
    rotate_and_drop, rotation_of, run, token, tokens_after_a_drop, unavailable, with_john,
};
use portcullis::store::{
    Group, NewUser, RefreshStore, SessionStore, TokenStore, UserBySession, UserByToken, UserStore,
};
use portcullis::{Digest, UserId};
use portcullis_servers::{Fault, Postgres, Proxy, or_left_out};
use portcullis_sql::{SqlConfig, SqlStore};
use sqlx::Row as _;
use tokio::task::JoinSet;

const TIMEOUT: Duration = Duration::from_millis(300);
/// What a verb may take beyond its time-out.
const GRACE: Duration = Duration::from_millis(100);
/// What a busy machine may add to many of them.
const PATIENCE: Duration = Duration::from_secs(5);

const LOCK_ALL: &str = "begin; lock table portcullis_user, portcullis_group, portcullis_token, portcullis_session, \
                        portcullis_refresh, portcullis_counter in access exclusive mode";

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_another_program_has_locked() {
    let Some(database) = Database::new() else { return };
    let store = database.hasty_store(TIMEOUT).await;
    with_john(&store).await;
    let mut other = database.other().await;
    run(&mut other, LOCK_ALL).await;
    for (verb, answer) in every_change(&store).await {
        unavailable(answer, verb);
    }
    unavailable(store.user(&UserId::from(1)).await, "a look-up");
    // What nobody waits for any more the server gives up by itself.
    database.wait_for_none("state = 'active'").await;
    run(&mut other, "rollback").await;
    database.wait_for_none("state <> 'idle'").await;
    look_up(&store).await;
    for (verb, answer) in every_change(&store).await {
        assert!(answer.is_ok(), "{verb}: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_that_wait_are_all_answered_in_time() {
    let Some(database) = Database::new() else { return };
    let store = database.hasty_store(TIMEOUT).await;
    let mut other = database.other().await;
    run(&mut other, LOCK_ALL).await;
    let began = Instant::now();
    let mut waiting = JoinSet::new();
    for number in 0..60_i64 {
        let store = store.clone();
        waiting.spawn(async move { store.create_token(token(&number.to_string(), number), None).await });
    }
    for answer in waiting.join_all().await {
        unavailable(answer, "a token");
    }
    assert!(began.elapsed() < TIMEOUT + GRACE * 3, "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn more_verbs_than_connections_take_turns() {
    let Some(database) = Database::new() else { return };
    let store = database.narrow_store(2).await;
    with_john(&store).await;
    let mut tasks = JoinSet::new();
    for _ in 0..200 {
        let store = store.clone();
        tasks.spawn(async move { look_up(&store).await });
    }
    tasks.join_all().await;
    assert!(database.connections("true").await <= 2);
    drop(store);
    database.wait_for_none("true").await;
}

/// It accepts connections and says nothing, as a machine does that hangs.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_is_an_outage_in_time() {
    let Some(server) = or_left_out(Postgres::start()) else { return };
    let database = Database::on(&server);
    let store = database.hasty_store(TIMEOUT).await;
    with_john(&store).await;
    server.pause();
    for what in ["a connection that was at rest", "a new connection"] {
        let began = Instant::now();
        unavailable(store.user_by_token(&Digest::of("old")).await, what);
        assert!(began.elapsed() < TIMEOUT + GRACE, "{what}: {:?}", began.elapsed());
        let began = Instant::now();
        unavailable(store.rotate_refresh(rotation_of(&refresh_of("old", 1), "next")).await, what);
        assert!(began.elapsed() < TIMEOUT + GRACE, "{what}: {:?}", began.elapsed());
    }
    let began = Instant::now();
    let config = SqlConfig::default().with_timeout(TIMEOUT);
    SqlStore::connect_with(database.url(), config).await.unwrap_err();
    assert!(began.elapsed() < TIMEOUT + GRACE, "connect: {:?}", began.elapsed());
    server.resume();
    look_up(&store).await;
}

/// The machine is gone without a word, as in a fail-over, and what rests leads to it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn connections_that_lead_nowhere_cost_one_outage() {
    let Some(server) = or_left_out(Postgres::shared()) else { return };
    let database = Database::on(server);
    with_john(&database.store().await).await;
    let wire = Wire::start(server.address()).await;
    let url = database.url().replace(&server.address().to_string(), &wire.address.to_string());
    let store = SqlStore::connect_with(&url, SqlConfig::default().with_timeout(TIMEOUT)).await.unwrap();
    let mut tasks = JoinSet::new();
    for _ in 0..30 {
        let store = store.clone();
        tasks.spawn(async move { store.user(&UserId::from(1)).await.unwrap() });
    }
    tasks.join_all().await;
    let resting = wire.accepted.load(Ordering::Relaxed);
    assert!(resting > 2, "only {resting} connections");
    wire.first.store(resting, Ordering::Relaxed);
    unavailable(store.user(&UserId::from(1)).await, "a machine that is gone");
    look_up(&store).await;
}

/// A restart must not cost an outage for each connection at rest.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_that_was_restarted_is_found_by_the_first_look_up() {
    let Some(server) = or_left_out(Postgres::start()) else { return };
    let database = Database::on(&server);
    let store = database.store().await;
    with_john(&store).await;
    for round in 0..3 {
        // So many connections rest.
        let mut tasks = JoinSet::new();
        for _ in 0..30 {
            let store = store.clone();
            tasks.spawn(async move { look_up(&store).await });
        }
        tasks.join_all().await;
        server.kill();
        if round == 1 {
            let began = Instant::now();
            unavailable(store.user(&UserId::from(1)).await, "a server that is down");
            assert!(began.elapsed() < PATIENCE);
        }
        server.restart().unwrap();
        if round == 2 {
            store.token(&Digest::of("old")).await.unwrap().unwrap();
            store.touch_token(&Digest::of("old"), NOW).await.unwrap();
        }
        let mut tasks = JoinSet::new();
        for _ in 0..10 {
            let store = store.clone();
            tasks.spawn(async move { look_up(&store).await });
        }
        tasks.join_all().await;
    }
}

/// A standby may not have heard of a logout, whoever takes it for the server.
#[tokio::test]
async fn a_server_that_became_a_standby_is_not_believed() {
    let Some(server) = or_left_out(Postgres::start()) else { return };
    let database = Database::on(&server);
    let store = database.store().await;
    store.session(&Digest::of("key")).await.unwrap();
    let folder: String =
        sqlx::query("show data_directory").fetch_one(&mut database.other().await).await.unwrap().get(0);
    std::fs::write(std::path::Path::new(&folder).join("standby.signal"), "").unwrap();
    server.kill();
    server.restart().unwrap();
    for (name, answer) in [
        ("a look-up", store.session(&Digest::of("key")).await.map(drop).map_err(|error| error.to_string())),
        ("a start", SqlStore::connect(database.url()).await.map(drop).map_err(|error| error.to_string())),
    ] {
        assert!(answer.as_ref().is_err_and(|error| error.contains("standby")), "{name}: {answer:?}");
    }
}

/// An operator may tell a server that runs to acknowledge before it writes: a logout that was acknowledged is written.
#[tokio::test]
async fn what_ends_is_on_disk_whatever_the_server_is_told_meanwhile() {
    let Some(server) = or_left_out(Postgres::start()) else { return };
    let database = Database::on(&server);
    let store = database.store().await;
    let mut other = database.other().await;
    for name in ["first", "second"] {
        add_credentials(&store, name, &UserId::from(1)).await;
    }
    run(
        &mut other,
        "create table seen (waits text not null);
         create function see() returns trigger language plpgsql as
             $$ begin insert into seen values (current_setting('synchronous_commit')); return null; end $$;
         create trigger see after delete on portcullis_session execute function see()",
    )
    .await;
    assert!(store.end_session(&UserId::from(1), &Digest::of("first")).await.unwrap());
    run(&mut other, "alter system set synchronous_commit = off").await;
    run(&mut other, "select pg_reload_conf()").await;
    let began = Instant::now();
    while number(
        &mut other,
        "select count(*) from pg_settings where name = 'synchronous_commit' and setting = 'off'",
    )
    .await
        == 0
    {
        assert!(began.elapsed() < PATIENCE);
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(store.end_session(&UserId::from(1), &Digest::of("second")).await.unwrap());
    assert_eq!(number(&mut other, "select count(*) from seen where waits = 'on'").await, 2);
}

/// An operator may end connections at any time, as a fail-over does.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn connections_that_the_server_ends_are_replaced() {
    let Some(database) = Database::new() else { return };
    let store = database.store().await;
    with_john(&store).await;
    let mut other = database.other().await;
    for _ in 0..5 {
        let mut tasks = JoinSet::new();
        for _ in 0..20 {
            let store = store.clone();
            tasks.spawn(async move { look_up(&store).await });
        }
        tasks.join_all().await;
        run(
            &mut other,
            "select pg_terminate_backend(pid) from pg_stat_activity
             where datname = current_database() and application_name = 'portcullis'",
        )
        .await;
        database.wait_for_none("true").await;
        look_up(&store).await;
    }
}

/// A change may have happened although its answer was lost: it is not tried again.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_whose_answer_is_lost_is_an_outage_and_happens_once() {
    let Some(server) = or_left_out(Postgres::shared()) else { return };
    let database = Database::on(server);
    database.store().await;
    let proxy = Proxy::start(&[server.address()]).await.unwrap();
    let url = database.url().replace(&server.address().to_string(), &proxy.address().to_string());
    let config = SqlConfig::default().with_timeout(Duration::from_secs(1));
    let store = SqlStore::connect_with(&url, config.with_connections(NonZeroU32::MIN)).await.unwrap();
    for round in 0..10_usize {
        let before = proxy.accepted();
        store.create_token(token(&format!("first {round}"), 1), None).await.unwrap();
        let again = proxy.accepted();
        assert!(again <= before + 1);
        proxy.set(Fault::CutAfter(0));
        unavailable(store.create_token(token(&format!("lost {round}"), 1), None).await, "a lost answer");
        assert_eq!(proxy.accepted(), again, "round {round}: it was tried again");
        proxy.set(Fault::None);
    }
    assert!(store.tokens_of(&UserId::from(1)).await.unwrap().len() >= 10);
}

/// The same loss costs a look-up nothing but a new connection.
#[tokio::test(flavor = "multi_thread")]
async fn a_look_up_whose_connection_is_gone_is_made_on_another() {
    let Some(server) = or_left_out(Postgres::shared()) else { return };
    let database = Database::on(server);
    with_john(&database.store().await).await;
    let proxy = Proxy::start(&[server.address()]).await.unwrap();
    let url = database.url().replace(&server.address().to_string(), &proxy.address().to_string());
    let config = SqlConfig::default().with_timeout(Duration::from_secs(2));
    let store = SqlStore::connect_with(&url, config).await.unwrap();
    for _ in 0..10 {
        look_up(&store).await;
        proxy.set(Fault::Cut);
        look_up(&store).await;
    }
    // Where every connection is cut it is tried once more, and no oftener.
    look_up(&store).await;
    let before = proxy.accepted();
    proxy.set(Fault::Refuse);
    unavailable(store.user(&UserId::from(1)).await, "a server that refuses");
    assert!(proxy.accepted() <= before + 1, "{} connections", proxy.accepted() - before);
}

/// hyper drops a handler's future when the client goes.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_verb_dropped_half_way_is_done_wholly_or_not_at_all() {
    const ROUNDS: u32 = 100;
    let Some(database) = Database::new() else { return };
    let store = database.store().await;
    store.put_group(Group::new("Authors", ["books.add_book"])).await.unwrap();
    store.create_user(NewUser::new("zeroth").with_group("Authors")).await.unwrap();
    let began = Instant::now();
    store.create_user(NewUser::new("first").with_group("Authors")).await.unwrap();
    let whole = began.elapsed();
    let settled = async || database.wait_for_none("state <> 'idle'").await;
    let mut dropped = 0;
    for round in 0..ROUNDS {
        let patience = whole * round / ROUNDS;
        let name = format!("user{round}");
        let user = NewUser::new(&name).with_group("Authors").with_codename("books.change_book");
        dropped += u32::from(!in_time(store.create_user(user), patience).await);
        settled().await;
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
    database.wait_for_none("state <> 'idle'").await;
    assert!(database.connections("true").await <= 10);
    drop(store);
    database.wait_for_none("true").await;
}

/// Whoever begins requests and goes at once must not have more connections than a store has, while a table is locked.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn verbs_that_are_dropped_while_they_wait_keep_to_their_connections() {
    let Some(database) = Database::new() else { return };
    database.store().await;
    let store = database.narrow_store(2).await;
    let mut other = database.other().await;
    run(&mut other, LOCK_ALL).await;
    let mut most = 0;
    for round in 0..60_i64 {
        let name = round.to_string();
        in_time(store.create_token(token(&name, round), None), Duration::from_millis(20)).await;
        most = most.max(database.connections("true").await);
    }
    run(&mut other, "rollback").await;
    assert!(most <= 3, "{most} connections");
}

/// What was asked for somebody whose request went away is never told to the next.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_late_answer_of_a_dropped_look_up_is_read_by_nobody() {
    const PEOPLE: usize = 20;
    let Some(database) = Database::new() else { return };
    let store = database.narrow_store(2).await;
    let mut people = Vec::new();
    for number in 0..PEOPLE {
        let user = store.create_user(NewUser::new(number.to_string())).await.unwrap();
        add_credentials(&store, &number.to_string(), &user.id).await;
        people.push(user);
    }
    let mut tasks = JoinSet::new();
    for task in 0..4_usize {
        let (store, people) = (store.clone(), people.clone());
        tasks.spawn(async move {
            let mut dropped = 0;
            for round in 0..400_usize {
                let (lost, asked) = ((round * 7 + task) % PEOPLE, (round + task * 5) % PEOPLE);
                let patience = Duration::from_micros((round as u64 * 13) % 700);
                let key = Digest::of(&lost.to_string());
                dropped += u32::from(!in_time(store.user_by_session(&key), patience).await);
                let key = Digest::of(&asked.to_string());
                let (record, user) = store.user_by_token(&key).await.unwrap().unwrap();
                assert_eq!(user.as_ref(), Some(&people[asked]), "round {round}");
                assert_eq!(record.digest, key);
                let (record, user) = store.user_by_session(&key).await.unwrap().unwrap();
                assert_eq!(record.user.as_ref(), Some(&people[asked].id));
                assert_eq!(user.as_ref(), Some(&people[asked]));
            }
            dropped
        });
    }
    let dropped: u32 = tasks.join_all().await.into_iter().sum();
    assert!(dropped > 50, "only {dropped} were dropped");
    assert!(store.session(&Digest::of("0")).await.unwrap().is_some());
    database.wait_for_none("state <> 'idle'").await;
    assert!(database.connections("true").await <= 2, "connections are left");
}
