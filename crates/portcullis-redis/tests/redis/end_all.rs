//! The end of all sessions of a user ends also those that change their key meanwhile.

use std::time::Duration;

use portcullis::store::{Committed, SessionChange, SessionRecord, SessionStore, StoreError};
use portcullis::{Digest, Timestamp, UserId};
use portcullis_redis::RedisStore;
use portcullis_servers::{Cluster, Fault, Proxy, Redis, or_left_out, unique};
use tokio::time::sleep;

use crate::patient;

const LATE: Duration = Duration::from_millis(300);

fn session() -> SessionRecord {
    let mut record = SessionRecord::new(Timestamp::EPOCH, Timestamp::MAX);
    record.user = Some(17.into());
    record
}

/// Two nodes on one server, and the proxy that the second goes through.
async fn nodes(server: &Redis) -> (RedisStore, RedisStore, Proxy) {
    let proxy = Proxy::start(&[server.address()]).await.unwrap();
    let config = patient();
    let near = RedisStore::connect_with(&server.url(), config.clone()).await.unwrap();
    let far = RedisStore::connect_with(&format!("redis://{}", proxy.address()), config).await.unwrap();
    (near, far, proxy)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_changes_its_key_does_not_outlive_the_end_of_all() {
    let Some(server) = or_left_out(Redis::shared()) else { return };
    let (near, far, proxy) = nodes(server).await;
    let (old, new) = (Digest::of("old"), Digest::of("new"));
    near.commit(SessionChange::Create(old, session())).await.unwrap();
    far.sessions_of(&17.into()).await.unwrap();
    proxy.set(Fault::Delay(LATE));
    let end = tokio::spawn(async move { far.end_sessions(&17.into(), None).await });
    // By now it has read what sessions there are, and the answer is on its way.
    sleep(LATE / 2).await;
    assert_eq!(near.commit(SessionChange::Cycle(old, new, session())).await.unwrap(), Committed::Done);
    assert_eq!(end.await.unwrap().unwrap(), 1);
    assert_eq!(near.session(&new).await.unwrap(), None);
}

/// A login that began before the end of all may succeed after it, under a key that the end did not see.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_was_named_before_the_end_of_all_is_not_used_after_it() {
    let Some(server) = or_left_out(Redis::shared()) else { return };
    let (near, far, proxy) = nodes(server).await;
    let (anonymous, new) = (Digest::of("anonymous"), Digest::of("new"));
    let nobody = SessionRecord::new(Timestamp::EPOCH, Timestamp::MAX);
    near.commit(SessionChange::Create(anonymous, nobody)).await.unwrap();
    // The server knows the scripts from here on.
    near.commit(SessionChange::Create(Digest::of("known"), session())).await.unwrap();
    assert_eq!(near.end_sessions(&17.into(), None).await.unwrap(), 1);
    far.sessions_of(&17.into()).await.unwrap();
    proxy.set(Fault::Delay(LATE));
    let login = {
        let far = far.clone();
        tokio::spawn(async move { far.commit(SessionChange::Cycle(anonymous, new, session())).await })
    };
    sleep(LATE / 2).await;
    assert_eq!(near.end_sessions(&17.into(), None).await.unwrap(), 0);
    assert_eq!(login.await.unwrap().unwrap(), Committed::Taken);
    proxy.set(Fault::None);
    let again = far.commit(SessionChange::Cycle(anonymous, Digest::of("newer"), session())).await;
    assert_eq!(again.unwrap(), Committed::Done, "a login that draws another key succeeds");
}

/// In a cluster the old session is ended before the new key is filled: in between there is but a claim.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cycle_under_way_in_a_cluster_does_not_outlive_the_end_of_all() {
    let Some(cluster) = or_left_out(Cluster::shared()) else { return };
    let namespace = unique("test");
    let store = RedisStore::connect_with(&cluster.url(), patient().with_namespace(&namespace)).await.unwrap();
    let (old, new) = (Digest::of("old"), Digest::of("new"));
    let (index, name) = (format!("{namespace}:su:{{17}}"), format!("{namespace}:s:{{{new}}}"));
    let _ = cluster.master_of(&index).unwrap().cli(&["zadd", &index, "1", &new.to_string()]);
    let master = cluster.master_of(&name).unwrap();
    let _ = master.cli(&["hset", &name, "claim", &old.to_string()]);
    assert_eq!(store.end_sessions(&17.into(), None).await.unwrap(), 0);
    assert_ne!(master.cli(&["hget", &name, "claim"]).trim(), old.to_string(), "the claim still holds");
}

/// The index of a user and a session may lie on two masters, each of which may be lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_session_begins_whose_index_could_be_lost_without_it() {
    let Some(cluster) = or_left_out(Cluster::start()) else { return };
    let namespace = unique("test");
    let config = patient().with_namespace(&namespace).with_timeout(Duration::from_secs(2));
    let store = RedisStore::connect_with(&cluster.url(), config).await.unwrap();
    let key = Digest::of("key");
    let serving = cluster.master_of(&format!("{namespace}:s:{{{key}}}")).unwrap();
    let user = (0..100)
        .find(|id| cluster.master_of(&format!("{namespace}:su:{{{id}}}")).unwrap().port() != serving.port())
        .map(UserId::from)
        .unwrap();
    let indexing = cluster.master_of(&format!("{namespace}:su:{{{user}}}")).unwrap();
    let master = format!("master_port:{}\r", indexing.port());
    let mut record = session();
    record.user = Some(user);
    // A replica takes a while until it first acknowledges anything.
    while store.commit(SessionChange::Create(Digest::of("first"), record.clone())).await.is_err() {}
    let replica =
        cluster.nodes().iter().find(|node| node.cli(&["info", "replication"]).contains(&master)).unwrap();
    replica.pause();
    let created = store.commit(SessionChange::Create(key, record)).await;
    replica.resume();
    assert!(matches!(created, Err(StoreError::Unavailable(_))), "{created:?}");
    assert_eq!(store.session(&key).await.unwrap(), None);
}

/// Whoever has the password may log in as often as he likes; the end of all must come further with each call.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_sessions_than_one_call_can_end_are_ended_by_several() {
    const SESSIONS: u32 = 10_000;
    let Some(server) = or_left_out(Redis::start(&[])) else { return };
    let namespace = unique("crowd");
    let fill = "for i = 1, tonumber(ARGV[2]) do \
                  local key = redis.sha1hex(i) .. string.rep('0', 24) \
                  redis.call('HSET', ARGV[1] .. ':s:{' .. key .. '}', 'u', '=17', 'v', '1', 'e', '0', 'c', '0', \
                    's', '0', 'x', '9223372036854775807', 'd', '{}', 'l', '') \
                  redis.call('ZADD', ARGV[1] .. ':su:{17}', redis.call('TIME')[1], key) \
                end";
    let _ = server.cli(&["eval", fill, "0", &namespace, &SESSIONS.to_string()]);
    let left = || server.cli(&["zcard", &format!("{namespace}:su:{{17}}")]).trim().parse::<u32>().unwrap();
    assert_eq!(left(), SESSIONS);
    let proxy = Proxy::start(&[server.address()]).await.unwrap();
    let config = patient().with_namespace(&namespace);
    let near = RedisStore::connect_with(&server.url(), config.clone()).await.unwrap();
    let hasty = config.with_timeout(Duration::from_secs(1));
    let far = RedisStore::connect_with(&format!("redis://{}", proxy.address()), hasty).await.unwrap();
    proxy.set(Fault::Delay(Duration::from_millis(5)));
    for _ in 0..3 {
        let before = left();
        if far.end_sessions(&17.into(), None).await.is_ok() {
            break;
        }
        assert!(left() < before, "{before} were left, and are");
    }
    near.end_sessions(&17.into(), None).await.unwrap();
    assert!(near.sessions_of(&17.into()).await.unwrap().is_empty());
}
