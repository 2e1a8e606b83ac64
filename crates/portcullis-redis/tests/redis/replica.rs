//! What ends a session or a token survives its master.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use portcullis::store::{
    Committed, RefreshRecord, RefreshStore, Rotated, Rotation, SessionChange, SessionRecord, SessionStore,
    StoreError,
};
use portcullis::{Digest, Timestamp};
use portcullis_redis::{RedisStore, Replicas};
use portcullis_servers::{Cluster, Redis, or_left_out, unique};
use tokio::time::sleep;

use crate::patient;

fn session() -> SessionRecord {
    let mut record = SessionRecord::new(Timestamp::EPOCH, Timestamp::MAX);
    record.user = Some(17.into());
    record
}

async fn flush(store: &RedisStore, name: &str) -> Result<Committed, StoreError> {
    let key = Digest::of(name);
    store.commit(SessionChange::Create(key, session())).await?;
    store.commit(SessionChange::Flush(key)).await
}

fn wait_for_link(replica: &Redis) {
    let began = Instant::now();
    while !replica.cli(&["info", "replication"]).contains("master_link_status:up") {
        assert!(began.elapsed() < Duration::from_secs(30), "the replica does not follow");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_logout_waits_for_as_many_replicas_as_was_asked_for() {
    let Some(master) = or_left_out(Redis::start(&["--repl-diskless-sync-delay", "0"])) else { return };
    let Some(replica) = or_left_out(Redis::start(&[])) else { return };
    let timeout = Duration::from_secs(1);
    let shared = patient().with_timeout(timeout);
    let config = |replicas| shared.clone().with_replicas(replicas);
    let one = Replicas::AtLeast(NonZeroU32::MIN);
    let (mut stores, mut others) = (Vec::new(), Vec::new());
    for replicas in [Replicas::IfAny, Replicas::None, one] {
        for nodes in [&mut stores, &mut others] {
            let store = RedisStore::connect_with(&master.url(), config(replicas)).await.unwrap();
            nodes.push((replicas, store));
        }
    }
    for (case, alone, silent) in [("IfAny", true, false), ("None", true, true), ("AtLeast", false, false)] {
        let (_, store) = stores.iter().find(|(it, _)| format!("{it:?}").starts_with(case)).unwrap();
        let _ = replica.cli(&["replicaof", "no", "one"]);
        while master.cli(&["info", "replication"]).contains("slave0:") {
            sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(flush(store, case).await.is_ok(), alone, "{case}: alone");
        let _ = replica.cli(&["replicaof", "127.0.0.1", &master.port().to_string()]);
        wait_for_link(&replica);
        while !master.cli(&["info", "replication"]).contains("state=online") {
            sleep(Duration::from_millis(20)).await;
        }
        // A replica that has just copied everything takes up to a second before it first acknowledges anything.
        let began = Instant::now();
        while let Err(error) = flush(store, case).await {
            assert!(began.elapsed() < Duration::from_secs(10), "{case}: followed: {error}");
        }
        replica.pause();
        let began = Instant::now();
        let answer = flush(store, case).await;
        assert_eq!(answer.is_ok(), silent, "{case}: silent: {answer:?}");
        assert!(began.elapsed() < timeout + Duration::from_millis(100), "{case}: {:?}", began.elapsed());
        // No look-up stands behind those that wait.
        let began = Instant::now();
        let unknown = Digest::of("x");
        let (look_up, _) = tokio::join!(store.session(&unknown), flush(store, case));
        assert!(look_up.is_ok() && began.elapsed() < timeout, "{case}");
        // The second try of a logout that was not certain is not certain either, also from a node that wrote nothing yet.
        let (_, other) = others.iter().find(|(it, _)| format!("{it:?}").starts_with(case)).unwrap();
        let again = other.commit(SessionChange::Flush(Digest::of(case))).await;
        assert_eq!(again.is_ok(), silent, "{case}: again: {again:?}");
        replica.resume();
    }
}

/// WAIT waits for what its own connection wrote (since Redis 7.2 for nothing else): a second try that wrote nothing would
/// be acknowledged at once.
#[tokio::test]
async fn whatever_ends_what_is_gone_already_writes_nevertheless() {
    let Some(server) = or_left_out(Redis::start(&[])) else { return };
    let namespace = unique("test");
    let config = || patient().with_namespace(&namespace);
    let store = RedisStore::connect_with(&server.url(), config()).await.unwrap();
    let (key, user) = (Digest::of("gone"), 17.into());
    let token = RefreshRecord::new(key, Some(17.into()), Timestamp::EPOCH, Timestamp::MAX);
    store.create_refresh(token.clone()).await.unwrap();
    let claimed = Digest::of("claimed");
    let _ = server.cli(&["hset", &format!("{namespace}:s:{{{claimed}}}"), "claim", "ended"]);
    let _ = server.cli(&["zadd", &format!("{namespace}:su:{{17}}"), "1", &key.to_string()]);
    let written = || -> u64 {
        let info = server.cli(&["info", "persistence"]);
        let changes = info.lines().find_map(|line| line.strip_prefix("rdb_changes_since_last_save:"));
        changes.unwrap().trim().parse().unwrap()
    };
    macro_rules! writes {
        ($($name:literal: $verb:expr;)*) => {$(
            let before = written();
            $verb.await.unwrap();
            assert!(written() > before, "{}", $name);
        )*};
    }
    writes! {
        "a logout": store.commit(SessionChange::Flush(key));
        "a logout of what was ended while it was made": store.commit(SessionChange::Flush(claimed));
        "the end of one session": store.end_session(&user, &key);
        "the end of all sessions": store.end_sessions(&user, None);
        "a change of key": store.commit(SessionChange::Cycle(key, Digest::of("new"), session()));
        "a first revocation": store.revoke_refresh(token.clone(), false);
        "a revocation": store.revoke_refresh(token.clone(), false);
        "the end of a family": store.revoke_refresh_family(&user, &key);
        "the end of all families": store.revoke_refresh_all(&user);
    }
    let rotation = Rotation::new(token, Digest::of("next"), Timestamp::MAX, Timestamp::EPOCH);
    let next = format!("{namespace}:rp:{{{}}}", Digest::of("next"));
    let before = written();
    assert_eq!(store.rotate_refresh(rotation).await.unwrap(), Rotated::Revoked);
    // Its pointer was written and taken back.
    assert_eq!(server.cli(&["exists", &next]).trim(), "0");
    assert!(written() > before + 2, "a rotation of what is revoked");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fail_over_of_a_cluster_revives_nothing_and_is_over_soon() {
    let Some(cluster) = or_left_out(Cluster::start()) else { return };
    let namespace = unique("test");
    let config = patient().with_namespace(&namespace).with_timeout(Duration::from_secs(1));
    let config = config.with_replicas(Replicas::AtLeast(NonZeroU32::MIN));
    let store = RedisStore::connect_with(&cluster.url(), config).await.unwrap();
    let (ended, alive) = (Digest::of("ended"), Digest::of("alive"));
    store.commit(SessionChange::Create(alive, session())).await.unwrap();
    let master = cluster.master_of(&format!("{namespace}:s:{{{ended}}}")).unwrap();
    assert_eq!(flush(&store, "ended").await.unwrap(), Committed::Done);
    master.kill();
    let died = Instant::now();
    let found = loop {
        let began = Instant::now();
        let found = store.session(&ended).await;
        assert!(began.elapsed() < Duration::from_millis(1_100), "{:?}", began.elapsed());
        assert!(died.elapsed() < Duration::from_secs(30), "{found:?}");
        match found {
            Ok(found) => break found,
            Err(StoreError::Unavailable(_)) => sleep(Duration::from_millis(50)).await,
            Err(other) => panic!("{other:?}"),
        }
    };
    assert_eq!(found, None);
    assert_eq!(store.session(&alive).await.unwrap(), Some(session()));
    master.restart().unwrap();
    cluster.wait_until_healthy().unwrap();
    // The replica that has just come back may still be late.
    while let Err(error) = store.end_sessions(&17.into(), None).await {
        assert!(died.elapsed() < Duration::from_secs(60), "{error:?}");
        sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(store.session(&alive).await.unwrap(), None);
}

/// A key is looked up and changed while its slot goes from one master to another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slot_that_moves_loses_nothing() {
    let Some(cluster) = or_left_out(Cluster::start()) else { return };
    a_slot_moves(&cluster).await;
}

/// Behind a load balancer a server may not know by which name it is asked, and tells a port alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slot_that_moves_to_a_server_without_a_name_loses_nothing() {
    let Some(cluster) = or_left_out(Cluster::start()) else { return };
    for node in cluster.nodes() {
        let _ = node.cli(&["config", "set", "cluster-preferred-endpoint-type", "unknown-endpoint"]);
    }
    a_slot_moves(&cluster).await;
}

async fn a_slot_moves(cluster: &Cluster) {
    let namespace = unique("test");
    let store = RedisStore::connect_with(&cluster.url(), patient().with_namespace(&namespace)).await.unwrap();
    let (here, absent) = (Digest::of("here"), Digest::of("absent"));
    store.commit(SessionChange::Create(here, session())).await.unwrap();
    let key = format!("{namespace}:s:{{{here}}}");
    let from = cluster.master_of(&key).unwrap();
    let to = cluster.nodes().iter().find(|node| {
        node.port() != from.port() && node.cli(&["info", "replication"]).contains("role:master")
    });
    let to = to.unwrap();
    let slot = from.cli(&["cluster", "keyslot", &key]).trim().to_owned();
    let (from_id, to_id) = (from.cli(&["cluster", "myid"]), to.cli(&["cluster", "myid"]));
    let _ = to.cli(&["cluster", "setslot", &slot, "importing", from_id.trim()]);
    let _ = from.cli(&["cluster", "setslot", &slot, "migrating", to_id.trim()]);
    assert_eq!(store.session(&here).await.unwrap(), Some(session()), "it has not moved yet");
    let port = to.port().to_string();
    assert_eq!(from.cli(&["migrate", "127.0.0.1", &port, &key, "0", "5000"]).trim(), "OK");
    assert_eq!(store.session(&here).await.unwrap(), Some(session()), "it has moved, its slot has not");
    assert_eq!(store.commit(SessionChange::Save(here, session())).await.unwrap(), Committed::Done);
    assert_eq!(store.commit(SessionChange::Flush(here)).await.unwrap(), Committed::Done);
    assert_eq!(store.commit(SessionChange::Flush(here)).await.unwrap(), Committed::Gone);
    store.commit(SessionChange::Create(here, session())).await.unwrap();
    for node in
        cluster.nodes().iter().filter(|node| node.cli(&["info", "replication"]).contains("role:master"))
    {
        let _ = node.cli(&["cluster", "setslot", &slot, "node", to_id.trim()]);
    }
    assert_eq!(store.session(&here).await.unwrap(), Some(session()), "its slot has moved");
    assert_eq!(store.commit(SessionChange::Flush(here)).await.unwrap(), Committed::Done);
    assert_eq!(store.session(&absent).await.unwrap(), None);
}
