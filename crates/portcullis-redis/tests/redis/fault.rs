//! Servers that hang, die, refuse or forget: an outage within the time-out, and work again at once when they are back.

use std::time::{Duration, Instant};

use portcullis::store::{
    Committed, CounterStore, Limit, RefreshRecord, RefreshStore, Rotation, SessionChange, SessionRecord,
    SessionStore, StoreError,
};
use portcullis::{Digest, Timestamp};
use portcullis_redis::{RedisConfig, RedisStore};
use portcullis_servers::{Cluster, Fault, Proxy, Redis, or_left_out};
use tokio::time::sleep;

use crate::patient;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const TIMEOUT: Duration = Duration::from_millis(400);
/// How much later than its time-out a verb may answer.
const SLACK: Duration = Duration::from_millis(100);

fn quick() -> RedisConfig {
    patient().with_timeout(TIMEOUT)
}

fn session() -> SessionRecord {
    let mut record = SessionRecord::new(NOW, Timestamp::MAX);
    record.user = Some(17.into());
    record
}

/// Runs every verb, and returns its name with its answer.
async fn every_verb(store: &RedisStore) -> Vec<(&'static str, Result<(), StoreError>, Duration)> {
    let (key, other, user) = (Digest::of("key"), Digest::of("other"), 17.into());
    let token = RefreshRecord::new(key, Some(17.into()), NOW, Timestamp::MAX);
    let mut rotation = Rotation::new(token.clone(), other, Timestamp::MAX, NOW);
    rotation.adopts = true;
    let limit = Limit::new(std::num::NonZeroU32::MIN, Duration::from_secs(60));
    let mut answers = Vec::new();
    macro_rules! run {
        ($($name:literal: $verb:expr;)*) => {$(
            let began = Instant::now();
            let answer = $verb.await.map(drop);
            answers.push(($name, answer, began.elapsed()));
        )*};
    }
    run! {
        "session": store.session(&key);
        "create": store.commit(SessionChange::Create(key, session()));
        "save": store.commit(SessionChange::Save(key, session()));
        "touch": store.commit(SessionChange::Touch(key, NOW, Timestamp::MAX));
        "cycle": store.commit(SessionChange::Cycle(key, other, session()));
        "flush": store.commit(SessionChange::Flush(other));
        "sessions_of": store.sessions_of(&user);
        "end_session": store.end_session(&user, &key);
        "end_sessions": store.end_sessions(&user, None);
        "purge_sessions": store.purge_sessions(NOW, 10);
        "create_refresh": store.create_refresh(token.clone());
        "refresh": store.refresh(&key);
        "rotate_refresh": store.rotate_refresh(rotation);
        "revoke_refresh": store.revoke_refresh(token, true);
        "refresh_of": store.refresh_of(&user);
        "revoke_refresh_family": store.revoke_refresh_family(&user, &key);
        "revoke_refresh_all": store.revoke_refresh_all(&user);
        "purge_refresh": store.purge_refresh(NOW, 10);
        "reserve": store.reserve(&key, &limit, NOW);
        "give_back": store.give_back(&key, &limit, NOW);
        "purge_counters": store.purge_counters(NOW, 10);
    }
    answers
}

/// Insists that every verb is an outage, in time.
async fn everything_is_an_outage(store: &RedisStore, case: &str) {
    for (name, answer, took) in every_verb(store).await {
        assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{case}: {name}: {answer:?}");
        assert!(took <= TIMEOUT + SLACK, "{case}: {name} took {took:?}");
    }
}

/// Waits until a look-up and a logout succeed, and tells how long it took.
async fn recovery(store: &RedisStore) -> Duration {
    let began = Instant::now();
    while store.session(&Digest::of("x")).await.is_err()
        || store.commit(SessionChange::Flush(Digest::of("x"))).await.is_err()
    {
        assert!(began.elapsed() < Duration::from_secs(30), "it does not recover");
        sleep(Duration::from_millis(20)).await;
    }
    began.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_verb_works_and_on_a_broken_connection_is_an_outage_in_time() {
    let Some(server) = or_left_out(Redis::start(&[])) else { return };
    let proxy = Proxy::start(&[server.address()]).await.unwrap();
    let store = RedisStore::connect_with(&format!("redis://{}", proxy.address()), quick()).await.unwrap();
    for (name, answer, _) in every_verb(&store).await {
        assert!(answer.is_ok(), "{name}: {answer:?}");
    }
    for (case, fault) in [
        ("refused", Fault::Refuse),
        ("silent", Fault::Silence),
        ("cut", Fault::CutAfter(3)),
        ("too late", Fault::Delay(TIMEOUT * 2)),
    ] {
        proxy.set(fault);
        // Connections that are open notice in their own time.
        sleep(Duration::from_millis(50)).await;
        everything_is_an_outage(&store, case).await;
        proxy.set(Fault::None);
        let took = recovery(&store).await;
        assert!(took < Duration::from_secs(2), "{case}: {took:?}");
    }
    sleep(TIMEOUT).await;
    assert!(proxy.connections() <= 2, "{} connections are open", proxy.connections());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_hangs_is_an_outage_in_time_and_is_found_when_it_goes_on() {
    let Some(server) = or_left_out(Redis::start(&[])) else { return };
    let store = RedisStore::connect_with(&server.url(), quick()).await.unwrap();
    server.pause();
    everything_is_an_outage(&store, "paused").await;
    let crowd: Vec<_> = (0..100)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let began = Instant::now();
                (store.session(&Digest::of("x")).await.is_err(), began.elapsed())
            })
        })
        .collect();
    for one in crowd {
        let (is_outage, took) = one.await.unwrap();
        assert!(is_outage && took <= TIMEOUT + SLACK, "{took:?}");
    }
    server.resume();
    let took = recovery(&store).await;
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_dies_forgets_nothing_but_its_scripts() {
    let Some(server) = or_left_out(Redis::start(&[])) else { return };
    let store = RedisStore::connect_with(&server.url(), quick()).await.unwrap();
    let (ended, alive) = (Digest::of("ended"), Digest::of("alive"));
    for key in [ended, alive] {
        store.commit(SessionChange::Create(key, session())).await.unwrap();
    }
    assert_eq!(store.commit(SessionChange::Flush(ended)).await.unwrap(), Committed::Done);
    server.kill();
    everything_is_an_outage(&store, "dead").await;
    server.restart().unwrap();
    let took = recovery(&store).await;
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert_eq!(store.session(&ended).await.unwrap(), None);
    assert_eq!(store.session(&alive).await.unwrap(), Some(session()));
    for (name, answer, _) in every_verb(&store).await {
        assert!(answer.is_ok(), "{name}: {answer:?}");
    }
    store.commit(SessionChange::Create(alive, session())).await.unwrap();
    let _ = server.cli(&["script", "flush"]);
    assert_eq!(store.end_sessions(&17.into(), None).await.unwrap(), 1);
    let _ = server.cli(&["script", "flush"]);
    assert_eq!(store.commit(SessionChange::Flush(alive)).await.unwrap(), Committed::Gone);
}

#[tokio::test]
async fn a_server_without_memory_refuses_and_changes_nothing() {
    let Some(server) = or_left_out(Redis::start(&["--maxmemory-policy", "noeviction"])) else { return };
    let store = RedisStore::connect_with(&server.url(), patient()).await.unwrap();
    let (key, token) =
        (Digest::of("key"), RefreshRecord::new(Digest::of("first"), Some(17.into()), NOW, Timestamp::MAX));
    store.commit(SessionChange::Create(key, session())).await.unwrap();
    store.create_refresh(token.clone()).await.unwrap();
    let _ = server.cli(&["config", "set", "maxmemory", "1"]);
    let cycle = store.commit(SessionChange::Cycle(key, Digest::of("new"), session())).await;
    let rotation = Rotation::new(token.clone(), Digest::of("second"), Timestamp::MAX, NOW);
    let rotated = store.rotate_refresh(rotation).await;
    let created = store.commit(SessionChange::Create(Digest::of("other"), session())).await;
    for answer in [cycle.map(drop), rotated.map(drop), created.map(drop)] {
        assert!(matches!(&answer, Err(error) if error.to_string().contains("OOM")), "{answer:?}");
    }
    let _ = server.cli(&["config", "set", "maxmemory", "0"]);
    assert_eq!(store.session(&key).await.unwrap(), Some(session()));
    assert_eq!(store.session(&Digest::of("new")).await.unwrap(), None);
    assert_eq!(store.refresh_of(&17.into()).await.unwrap(), vec![token]);
}

#[tokio::test]
async fn a_server_that_became_a_replica_is_not_believed() {
    let Some(server) = or_left_out(Redis::start(&[])) else { return };
    let Some(master) = or_left_out(Redis::start(&[])) else { return };
    let store = RedisStore::connect_with(&server.url(), quick()).await.unwrap();
    // Both connections are open, and do not notice by themselves.
    store.commit(SessionChange::Flush(Digest::of("key"))).await.unwrap();
    store.commit(SessionChange::Create(Digest::of("key"), session())).await.unwrap();
    let _ = server.cli(&["replicaof", "127.0.0.1", &master.port().to_string()]);
    let flush = store.commit(SessionChange::Flush(Digest::of("key"))).await;
    assert!(matches!(flush, Err(StoreError::Unavailable(_))), "{flush:?}");
    let found = store.session(&Digest::of("key")).await;
    assert!(matches!(&found, Err(error) if error.to_string().contains("not a master")), "{found:?}");
    let error = RedisStore::connect_with(&server.url(), quick()).await.unwrap_err();
    assert!(error.to_string().contains("not a master"), "{error}");
    let _ = server.cli(&["replicaof", "no", "one"]);
    recovery(&store).await;
}

/// A node that has nothing to change must notice, too: the logouts are elsewhere by now.
#[tokio::test]
async fn a_server_that_became_a_replica_is_not_believed_by_those_that_only_look_up() {
    let Some(server) = or_left_out(Redis::start(&[])) else { return };
    let store = RedisStore::connect_with(&server.url(), quick()).await.unwrap();
    store.commit(SessionChange::Create(Digest::of("key"), session())).await.unwrap();
    // Its master is gone: what it has becomes no younger.
    let _ = server.cli(&["replicaof", "127.0.0.1", "1"]);
    let began = Instant::now();
    while store.session(&Digest::of("key")).await.is_ok() {
        assert!(began.elapsed() < Duration::from_secs(8), "it is believed for ever");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_server_that_evicts_keys_is_refused() {
    let evicts = "maxmemory-policy";
    for (memory, policy, is_refused) in [
        ("64mb", "noeviction", false),
        ("0", "allkeys-lru", false),
        ("64mb", "allkeys-lru", true),
        ("64mb", "volatile-ttl", true),
        ("64mb", "volatile-lru", true),
    ] {
        let arguments = ["--maxmemory", memory, "--maxmemory-policy", policy];
        let Some(server) = or_left_out(Redis::start(&arguments)) else { return };
        let answer =
            RedisStore::connect_with(&server.url(), patient()).await.map_err(|error| error.to_string());
        assert_eq!(answer.is_err(), is_refused, "{memory} {policy}: {answer:?}");
        if let Err(error) = answer {
            assert!(error.contains(evicts) && error.contains(policy), "{error}");
        }
    }
}

#[tokio::test]
async fn a_cluster_of_which_one_server_evicts_keys_is_refused() {
    let Some(cluster) = or_left_out(Cluster::start()) else { return };
    let is_master = |node: &&Redis| node.cli(&["info", "replication"]).contains("role:master");
    let last = cluster.nodes().iter().rfind(is_master).unwrap();
    let _ = last.cli(&["config", "set", "maxmemory", "64mb"]);
    assert!(RedisStore::connect_with(&cluster.url(), patient()).await.is_ok());
    let first = cluster.nodes().iter().find(is_master).unwrap();
    first.pause();
    let began = Instant::now();
    let store = RedisStore::connect_with(&cluster.url(), quick()).await;
    first.resume();
    assert!(
        store.is_ok() && began.elapsed() < TIMEOUT * 3,
        "one that hangs: {store:?}, {:?}",
        began.elapsed()
    );
    cluster.wait_until_healthy().unwrap();
    let _ = last.cli(&["config", "set", "maxmemory-policy", "allkeys-lfu"]);
    let error = RedisStore::connect_with(&cluster.url(), patient()).await.unwrap_err().to_string();
    assert!(error.contains(&last.port().to_string()) && error.contains("allkeys-lfu"), "{error}");
}

/// Whatever a verb did when its caller went, it leaves neither a task nor a connection behind.
#[tokio::test]
async fn verbs_that_are_dropped_leave_nothing_behind() {
    let Some(server) = or_left_out(Redis::start(&[])) else { return };
    let proxy = Proxy::start(&[server.address()]).await.unwrap();
    let store = RedisStore::connect_with(&format!("redis://{}", proxy.address()), quick()).await.unwrap();
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    store.commit(SessionChange::Flush(Digest::of("x"))).await.unwrap();
    let before = tasks();
    for fault in [Fault::None, Fault::Silence] {
        proxy.set(fault);
        for _ in 0..50 {
            let verb = async {
                let _ = store.end_sessions(&17.into(), None).await;
            };
            let _ = tokio::time::timeout(Duration::from_micros(200), verb).await;
        }
    }
    proxy.set(Fault::None);
    sleep(TIMEOUT * 2).await;
    recovery(&store).await;
    sleep(TIMEOUT).await;
    assert!(tasks() <= before + 2, "{} tasks live, {before} before", tasks());
    drop(store);
    sleep(TIMEOUT).await;
    assert_eq!(proxy.connections(), 0);
}
