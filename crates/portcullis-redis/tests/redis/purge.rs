//! A round of a purge says that it is done when nothing is left, whatever else lies in the server.

use std::time::Duration;

use portcullis::store::{
    CounterStore, Limit, RefreshRecord, RefreshStore, SessionChange, SessionRecord, SessionStore,
};
use portcullis::{Digest, Timestamp};
use portcullis_redis::RedisStore;
use portcullis_servers::{Fault, Proxy, Redis, or_left_out, unique};

use crate::patient;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const LATER: Timestamp = Timestamp::from_seconds(1_800_100_000);

/// What cannot be read stays, since looking it up is an outage; one such key must not keep all the others.
#[tokio::test]
async fn what_cannot_be_read_keeps_nothing_else_from_being_purged() {
    let Some(redis) = or_left_out(Redis::shared()) else { return };
    let namespace = unique("purge");
    let store = RedisStore::connect_with(&redis.url(), patient().with_namespace(&namespace)).await.unwrap();
    let (good, bad, user) = (Digest::of("good"), Digest::of("bad"), 17.into());
    let mut session = SessionRecord::new(NOW, NOW.after(Duration::from_secs(60)));
    session.user = Some(17.into());
    store.commit(SessionChange::Create(good, session)).await.unwrap();
    let token = RefreshRecord::new(good, Some(17.into()), NOW, NOW.after(Duration::from_secs(60)));
    store.create_refresh(token).await.unwrap();
    let limit = Limit::new(std::num::NonZeroU32::MIN, Duration::from_secs(60));
    let _ = store.reserve(&good, &limit, NOW).await.unwrap();
    let sessions = format!("{namespace}:su:{{17}}");
    for number in 0..250 {
        let _ = redis.cli(&["zadd", &sessions, "0", &Digest::of(&number.to_string()).to_string()]);
    }
    let _ = redis.cli(&["zadd", &sessions, "0", &good.to_string()]);
    for command in [
        &["set", &format!("{namespace}:s:{{{bad}}}"), "x"][..],
        &["set", &format!("{namespace}:r:{{u17}}:{bad}"), "x"],
        &["lpush", &format!("{namespace}:c:{{{bad}}}"), "x"],
        &["set", &format!("{namespace}:su:{{text}}"), "x"],
        &["zadd", &sessions, "0", &bad.to_string()],
    ] {
        assert!(!redis.cli(command).contains("ERR"), "{command:?}");
    }
    for index in 0..50 {
        let _ = redis.cli(&["zadd", &format!("{namespace}:su:{{{index}x}}"), "0", "nobody"]);
    }
    for _ in 0..2 {
        let purged = store.purge_sessions(LATER, 10).await;
        assert!(purged.as_ref().is_ok_and(|it| it.is_done), "sessions: {purged:?}");
        let purged = store.purge_refresh(LATER, 10).await;
        assert!(purged.as_ref().is_ok_and(|it| it.is_done), "refresh tokens: {purged:?}");
        let purged = store.purge_counters(LATER, 10).await;
        assert!(purged.as_ref().is_ok_and(|it| it.is_done), "counters: {purged:?}");
    }
    assert_eq!(store.session(&good).await.unwrap(), None);
    assert_eq!(store.refresh(&good).await.unwrap(), None);
    assert_eq!(redis.cli(&["exists", &format!("{namespace}:c:{{{good}}}")]).trim(), "0");
    assert_eq!(redis.cli(&["zrange", &sessions, "0", "-1"]).trim(), bad.to_string(), "its index is swept");
    assert!(store.session(&bad).await.is_err() && store.end_sessions(&user, None).await.is_err());
}

/// Nobody logs in by them any more, so that nothing but a purge sweeps them.
#[tokio::test]
async fn indices_on_a_server_far_away_are_all_swept_before_a_round_is_done() {
    let Some(redis) = or_left_out(Redis::shared()) else { return };
    let namespace = unique("purge");
    let fill = "for i = 1, 300 do redis.call('ZADD', ARGV[1] .. ':su:{' .. i .. '}', 0, redis.sha1hex(i) .. \
                string.rep('0', 24)) end";
    let _ = redis.cli(&["eval", fill, "0", &namespace]);
    let left = || {
        let count = "local left = 0 for i = 1, 300 do left = left + redis.call('EXISTS', ARGV[1] .. ':su:{' .. i .. '}') \
                     end return left";
        redis.cli(&["eval", count, "0", &namespace]).trim().parse::<u32>().unwrap()
    };
    assert_eq!(left(), 300);
    let proxy = Proxy::start(&[redis.address()]).await.unwrap();
    let config = patient().with_namespace(&namespace).with_timeout(Duration::from_secs(2));
    let store = RedisStore::connect_with(&format!("redis://{}", proxy.address()), config).await.unwrap();
    proxy.set(Fault::Delay(Duration::from_millis(10)));
    let mut calls = 0..100;
    while calls.next().is_some() {
        if store.purge_sessions(LATER, 10).await.unwrap().is_done {
            break;
        }
    }
    assert_eq!((left(), calls.is_empty()), (0, false));
}
