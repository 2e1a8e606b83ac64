//! What lies in the server: nothing but what Portcullis wrote is believed, and nothing is collected while it lives.

use std::num::NonZeroU32;
use std::time::Duration;

use portcullis::store::{
    Committed, CounterStore, Limit, MemoryStore, Mixed, NewUser, Purged, RefreshRecord, RefreshStore,
    Reserved, Rotated, Rotation, SessionChange, SessionRecord, SessionStore, StoreError, UserBySession,
    UserStore,
};
use portcullis::{Digest, Timestamp};
use portcullis_redis::RedisStore;
use portcullis_servers::{Redis, or_left_out, unique};

use crate::patient;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const HOUR: Duration = Duration::from_secs(3_600);

/// The shared server, a store on it, and the namespace of the store.
async fn fixture() -> Option<(&'static Redis, RedisStore, String)> {
    let redis = or_left_out(Redis::shared())?;
    let namespace = unique("record");
    let store = RedisStore::connect_with(&redis.url(), patient().with_namespace(&namespace)).await.unwrap();
    Some((redis, store, namespace))
}

fn session() -> SessionRecord {
    let mut record = SessionRecord::new(NOW, NOW.after(HOUR));
    record.user = Some(17.into());
    record.data = r#"{"a":1}"#.into();
    record
}

async fn create(store: &RedisStore, key: Digest, record: SessionRecord) {
    assert_eq!(store.commit(SessionChange::Create(key, record)).await.unwrap(), Committed::Done);
}

fn is_outage<T: std::fmt::Debug>(answer: &Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Unavailable(_)))
}

#[tokio::test]
async fn a_session_that_portcullis_cannot_have_written_is_an_outage() {
    let Some((redis, store, namespace)) = fixture().await else { return };
    let key = Digest::of("corrupt");
    let name = format!("{namespace}:s:{{{key}}}");
    for (case, commands) in [
        ("a text", &[&["set", "KEY", "x"][..]][..]),
        ("a list", &[&["rpush", "KEY", "v", "1"]]),
        ("another form", &[&["hset", "KEY", "v", "2"]]),
        ("no form", &[&["hdel", "KEY", "v"]]),
        ("no user", &[&["hdel", "KEY", "u"]]),
        ("a user without a mark", &[&["hset", "KEY", "u", "17"]]),
        ("a user in two bytes", &[&["hset", "KEY", "u", "é"]]),
        ("no end", &[&["hdel", "KEY", "x"]]),
        ("an end in words", &[&["hset", "KEY", "x", "never"]]),
        ("an end with a plus", &[&["hset", "KEY", "x", "+1"]]),
        ("an end beyond all", &[&["hset", "KEY", "x", "9223372036854775808"]]),
        ("an epoch with a zero", &[&["hset", "KEY", "e", "00"]]),
        ("a fraction", &[&["hset", "KEY", "c", "1.5"]]),
        ("a field too many", &[&["hset", "KEY", "is_staff", "1"]]),
        ("a claim beside", &[&["hset", "KEY", "claim", "1"]]),
        ("no data", &[&["hdel", "KEY", "d"]]),
    ] {
        let _ = redis.cli(&["del", &name]);
        if commands[0][0].starts_with('h') {
            create(&store, key, session()).await;
        }
        for command in commands {
            let command: Vec<&str> =
                command.iter().map(|word| if *word == "KEY" { &name } else { *word }).collect();
            let printed = redis.cli(&command);
            assert!(!printed.contains("ERR"), "{case}: {printed}");
        }
        assert!(is_outage(&store.session(&key).await), "{case}");
    }
    // It ends all the same.
    assert_eq!(store.commit(SessionChange::Flush(key)).await.unwrap(), Committed::Done);
    assert_eq!(store.session(&key).await.unwrap(), None);
}

#[tokio::test]
async fn a_refresh_token_that_portcullis_cannot_have_written_is_an_outage() {
    let Some((redis, store, namespace)) = fixture().await else { return };
    let token = RefreshRecord::new(Digest::of("first"), Some(17.into()), NOW, NOW.after(HOUR));
    let (row, pointer) =
        (format!("{namespace}:r:{{u17}}:{}", token.id), format!("{namespace}:rp:{{{}}}", token.id));
    for (case, command) in [
        ("another form", &["hset", &row, "v", "2"][..]),
        ("no family", &["hdel", &row, "f"]),
        ("a family that is none", &["hset", &row, "f", "x"]),
        ("no state", &["hset", &row, "s", ""]),
        ("a state that is none", &["hset", &row, "s", "lively"]),
        ("rotated to nothing", &["hset", &row, "s", "rotated"]),
        ("live and rotated", &["hset", &row, "a", "1"]),
        ("a deadline in words", &["hset", &row, "m", "never"]),
        ("an end of 21 digits", &["hset", &row, "x", "100000000000000000000"]),
        ("a text", &["set", &row, "x"]),
        ("a pointer to nowhere", &["set", &pointer, "x"]),
        ("a pointer out of its tag", &["set", &pointer, "u17}x"]),
        (
            "a pointer that is a list",
            &["eval", "redis.call('DEL', KEYS[1]) return redis.call('RPUSH', KEYS[1], 'u17')", "1", &pointer],
        ),
    ] {
        let _ = redis.cli(&["del", &row, &pointer]);
        store.create_refresh(token.clone()).await.unwrap();
        let printed = redis.cli(command);
        assert!(!printed.contains("ERR"), "{case}: {printed}");
        assert!(is_outage(&store.refresh(&token.id).await), "{case}");
        let mut rotation = Rotation::new(token.clone(), Digest::of(case), NOW.after(HOUR), NOW);
        rotation.adopts = true;
        assert!(is_outage(&store.rotate_refresh(rotation).await), "{case}");
        assert_eq!(store.refresh(&Digest::of(case)).await.unwrap(), None, "{case}");
        assert!(is_outage(&store.revoke_refresh(token.clone(), true).await), "{case}");
    }
}

#[tokio::test]
async fn a_row_of_another_user_is_an_outage() {
    let Some((redis, store, namespace)) = fixture().await else { return };
    let token = RefreshRecord::new(Digest::of("first"), Some(17.into()), NOW, NOW.after(HOUR));
    store.create_refresh(token.clone()).await.unwrap();
    let _ = redis.cli(&["hset", &format!("{namespace}:r:{{u17}}:{}", token.id), "u", "=18"]);
    assert!(is_outage(&store.refresh(&token.id).await));
}

#[tokio::test]
async fn a_counter_that_portcullis_cannot_have_written_is_an_outage() {
    let Some((redis, store, namespace)) = fixture().await else { return };
    let (key, limit) = (Digest::of("key"), Limit::new(NonZeroU32::MIN, HOUR));
    let name = format!("{namespace}:c:{{{key}}}");
    for bad in ["", "x", "1", ":", "1:x", "1:1,", "1:+1", "1:9223372036854775808"] {
        let _ = redis.cli(&["set", &name, bad]);
        assert!(is_outage(&store.reserve(&key, &limit, NOW).await), "{bad}");
        assert!(is_outage(&store.give_back(&key, &limit, NOW).await) || bad.is_empty(), "{bad}");
        assert_eq!(redis.cli(&["get", &name]).trim(), bad, "it was written over");
    }
    let _ = redis.cli(&["del", &name]);
    let _ = redis.cli(&["rpush", &name, "1"]);
    assert!(is_outage(&store.reserve(&key, &limit, NOW).await));
}

fn life(redis: &Redis, key: &str) -> i64 {
    redis.cli(&["pttl", key]).trim().parse().unwrap()
}

/// About so many hours, in milliseconds.
fn is_about(life: i64, hours: i64) -> bool {
    (life - hours * 3_600_000).abs() < 60_000
}

#[tokio::test]
async fn the_server_collects_a_day_after_the_end_whatever_year_the_clock_shows() {
    let Some((redis, store, namespace)) = fixture().await else { return };
    for (case, now) in
        [("1970", Timestamp::EPOCH), ("2027", NOW), ("2300", Timestamp::from_seconds(10_000_000_000))]
    {
        let (key, id) = (Digest::of(case), Digest::of(case));
        create(&store, key, {
            let mut record = SessionRecord::new(now, now.after(HOUR));
            record.user = Some(17.into());
            record
        })
        .await;
        let session = format!("{namespace}:s:{{{key}}}");
        assert!(is_about(life(redis, &session), 25), "{case}");
        let later = now.after(HOUR);
        store.commit(SessionChange::Touch(key, later, later.after(HOUR * 5))).await.unwrap();
        assert!(is_about(life(redis, &session), 29), "{case}");
        store.commit(SessionChange::Save(key, SessionRecord::new(later, Timestamp::MAX))).await.unwrap();
        assert_eq!(life(redis, &session), -1, "{case}");

        let token = RefreshRecord::new(id, Some(case.into()), now, now.after(HOUR));
        store.create_refresh(token.clone()).await.unwrap();
        let rotation = Rotation::new(token, Digest::of(&format!("next {case}")), now.after(HOUR * 2), now);
        assert!(matches!(store.rotate_refresh(rotation.clone()).await, Ok(Rotated::Done(_))), "{case}");
        for (key, hours) in [
            (format!("{namespace}:r:{{u{case}}}:{id}"), 25),
            (format!("{namespace}:r:{{u{case}}}:{}", rotation.next), 26),
            (format!("{namespace}:rl:{{u{case}}}"), 26),
            (format!("{namespace}:rp:{{{id}}}"), 49),
            (format!("{namespace}:rp:{{{}}}", rotation.next), 50),
        ] {
            assert!(is_about(life(redis, &key), hours), "{case}: {key}");
        }

        let limit = Limit::new(NonZeroU32::MIN, HOUR);
        assert_eq!(store.reserve(&key, &limit, now).await.unwrap(), Reserved::Granted);
        assert!(is_about(life(redis, &format!("{namespace}:c:{{{key}}}")), 2), "{case}");
    }
}

#[tokio::test]
async fn the_live_tokens_of_a_user_are_found_as_long_as_one_of_them_lives() {
    let Some((redis, store, namespace)) = fixture().await else { return };
    let live = format!("{namespace}:rl:{{u17}}");
    let token = |name: &str, ends| RefreshRecord::new(Digest::of(name), Some(17.into()), NOW, ends);
    store.create_refresh(token("long", NOW.after(HOUR * 10))).await.unwrap();
    store.create_refresh(token("short", NOW.after(HOUR))).await.unwrap();
    assert!(is_about(life(redis, &live), 34));
    store.create_refresh(token("for ever", Timestamp::MAX)).await.unwrap();
    store.create_refresh(token("short again", NOW.after(HOUR))).await.unwrap();
    assert_eq!(life(redis, &live), -1);
}

#[tokio::test]
async fn a_session_is_looked_up_in_one_round_trip() {
    let Some(redis) = or_left_out(Redis::start(&[])) else { return };
    let store = RedisStore::connect_with(&redis.url(), patient()).await.unwrap();
    let key = Digest::of("key");
    create(&store, key, session()).await;
    let _ = redis.cli(&["config", "resetstat"]);
    for _ in 0..10 {
        assert!(store.session(&key).await.unwrap().is_some());
    }
    let stats = redis.cli(&["info", "commandstats"]);
    let called: Vec<&str> = stats.lines().filter(|line| line.starts_with("cmdstat_")).collect();
    let lookups = called.iter().filter(|line| line.starts_with("cmdstat_hgetall:calls=10,")).count();
    assert_eq!(lookups, 1, "{stats}");
    // What is left is this test's own: `config resetstat` and `info`.
    let others = called
        .iter()
        .filter(|line| !line.contains("hgetall") && !line.contains("config") && !line.contains("info"));
    assert_eq!(others.count(), 0, "{stats}");
}

#[tokio::test]
async fn a_session_finds_its_user_in_another_store() {
    let Some((_, store, _)) = fixture().await else { return };
    let memory = MemoryStore::new();
    let mary = memory.create_user(NewUser::new("mary")).await.unwrap();
    let mixed = Mixed::new(store, memory);
    let (key, mut record) = (Digest::of("key"), session());
    record.user = Some(mary.id.clone());
    mixed.commit(SessionChange::Create(key, record.clone())).await.unwrap();
    assert_eq!(mixed.user_by_session(&key).await.unwrap(), Some((record, Some(mary))));
}

#[tokio::test]
async fn namespaces_do_not_see_each_other() {
    let Some((_, here, _)) = fixture().await else { return };
    let Some((_, there, _)) = fixture().await else { return };
    let key = Digest::of("key");
    create(&here, key, session()).await;
    assert_eq!(there.session(&key).await.unwrap(), None);
    assert_eq!(there.purge_sessions(Timestamp::MAX, 100).await.unwrap(), Purged::out_of(100, 0));
    assert_eq!(there.end_sessions(&17.into(), None).await.unwrap(), 0);
    assert!(here.session(&key).await.unwrap().is_some());
}

#[tokio::test]
async fn calls_of_a_purge_go_on_until_every_master_was_walked() {
    for url in [crate::redis(), crate::cluster()].into_iter().flatten() {
        let store = crate::store(&url).await;
        for number in 0..600 {
            let mut record = session();
            record.expires_at = if number % 10 == 0 { NOW.after(HOUR) } else { NOW };
            create(&store, Digest::of(&number.to_string()), record).await;
        }
        for (limit, ended) in [(50, 540), (50, 0), (0, 0)] {
            let mut deleted = 0;
            let mut calls = 0..30;
            while calls.next().is_some() {
                let purged = store.purge_sessions(NOW, limit).await.unwrap();
                assert!(purged.deleted <= limit.into(), "{purged:?}");
                deleted += purged.deleted;
                if purged.is_done {
                    break;
                }
            }
            assert_eq!((deleted, calls.is_empty()), (ended, limit == 0), "{url}: {limit} a call");
        }
        assert_eq!(store.sessions_of(&17.into()).await.unwrap().len(), 60, "{url}");
    }
}

#[tokio::test]
async fn a_purge_with_all_the_time_in_the_world_ends() {
    let Some(url) = crate::redis() else { return };
    let config = patient().with_timeout(Duration::MAX);
    let store = RedisStore::connect_with(&url, config).await.unwrap();
    create(&store, Digest::of("key"), session()).await;
    assert_eq!(store.purge_sessions(Timestamp::MAX, 100).await.unwrap(), Purged::out_of(100, 1));
}

#[tokio::test]
async fn an_index_forgets_what_has_ended_for_long_and_nothing_else() {
    let Some((redis, store, namespace)) = fixture().await else { return };
    let index = format!("{namespace}:su:{{17}}");
    for name in ["ended", "ended just now", "alive"] {
        create(&store, Digest::of(name), session()).await;
    }
    for name in ["ended", "ended just now"] {
        let _ = redis.cli(&["del", &format!("{namespace}:s:{{{}}}", Digest::of(name))]);
    }
    for old in ["ended", "alive"] {
        let _ = redis.cli(&["zadd", &index, "1000", &Digest::of(old).to_string()]);
    }
    assert_eq!(store.purge_sessions(NOW, 100).await.unwrap(), Purged::out_of(100, 0));
    let left = redis.cli(&["zrange", &index, "0", "-1"]);
    for (name, is_left) in [("ended", false), ("ended just now", true), ("alive", true)] {
        assert_eq!(left.contains(&Digest::of(name).to_string()), is_left, "{name}");
    }
    assert_eq!(store.end_sessions(&17.into(), None).await.unwrap(), 1);
}

/// Old sessions that live must not hide from a login those that ended.
#[tokio::test]
async fn logins_sweep_an_index_however_many_sessions_live() {
    let Some((redis, store, namespace)) = fixture().await else { return };
    let index = format!("{namespace}:su:{{17}}");
    for number in 0..10 {
        let key = Digest::of(&number.to_string());
        create(&store, key, session()).await;
        let _ = redis.cli(&["zadd", &index, &(1_000 + number).to_string(), &key.to_string()]);
    }
    let ended = Digest::of("9");
    let _ = redis.cli(&["del", &format!("{namespace}:s:{{{ended}}}")]);
    let is_named = || redis.cli(&["zrange", &index, "0", "-1"]).contains(&ended.to_string());
    for login in 0..20 {
        assert!(login < 19, "it was never swept");
        create(&store, Digest::of(&format!("login {login}")), session()).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        if !is_named() {
            break;
        }
    }
    assert!(store.sessions_of(&17.into()).await.unwrap().len() >= 10);
}

/// What a cycle in a cluster leaves where its process dies half-way.
#[tokio::test]
async fn a_claim_is_nobodys_session_and_nobody_else_gets_its_key() {
    let Some((redis, store, namespace)) = fixture().await else { return };
    let (claimed, mine) = (Digest::of("claimed"), Digest::of("mine"));
    create(&store, mine, session()).await;
    let _ = redis.cli(&["hset", &format!("{namespace}:s:{{{claimed}}}"), "claim", &mine.to_string()]);
    for (change, answer) in [
        (SessionChange::Create(claimed, session()), Committed::Taken),
        (SessionChange::Save(claimed, session()), Committed::Gone),
        (SessionChange::Touch(claimed, NOW, NOW.after(HOUR)), Committed::Gone),
        (SessionChange::Cycle(claimed, Digest::of("new"), session()), Committed::Gone),
        (SessionChange::Cycle(mine, claimed, session()), Committed::Taken),
        (SessionChange::Flush(claimed), Committed::Gone),
    ] {
        assert_eq!(store.commit(change.clone()).await.unwrap(), answer, "{change:?}");
        assert_eq!(store.session(&claimed).await.unwrap(), None, "{change:?}");
    }
    assert!(!store.end_session(&17.into(), &claimed).await.unwrap());
    assert_eq!(store.session(&mine).await.unwrap(), Some(session()));
}

/// Two nodes take tries from one counter: together they get the limit.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_nodes_never_both_take_the_last_try() {
    let Some(url) = crate::cluster() else { return };
    let config = patient();
    let nodes = [
        RedisStore::connect_with(&url, config.clone()).await.unwrap(),
        RedisStore::connect_with(&url, config).await.unwrap(),
    ];
    let limit = Limit::new(NonZeroU32::new(20).unwrap(), HOUR);
    for round in 0..5 {
        let key = Digest::of(&round.to_string());
        let crowd: Vec<_> = nodes
            .iter()
            .cycle()
            .take(100)
            .cloned()
            .map(|store| tokio::spawn(async move { store.reserve(&key, &limit, NOW).await.unwrap() }))
            .collect();
        let mut granted = 0;
        for one in crowd {
            granted += u32::from(one.await.unwrap() == Reserved::Granted);
        }
        assert_eq!(granted, 20, "round {round}");
    }
}
