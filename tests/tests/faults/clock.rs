//! A clock that jumps by ten minutes and by a year, on and back: what has ended stays ended, what must end ends, and no
//! counter gives more than its limit for each jump. The clock is the one that every mechanism is given.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use portcullis::store::{Algorithm, Limit, MemoryStore, Mixed, Reserved, UserByToken};
use portcullis::{Account, Clock as _, Digest, Environment, JwtConfig, NewToken, SystemClock, Timestamp};
use portcullis_redis::RedisStore;
use portcullis_sql::SqlStore;
use portcullis_testing::FixedClock;
use portcullis_tests::faults::{Answer, Door, Login, Row, Store, Trouble, Visitor, World};

use crate::stand::{File, Kind};

const TEN_MINUTES: Duration = Duration::from_secs(600);
const YEAR: Duration = Duration::from_secs(365 * 86_400);
const MOMENT: Duration = Duration::from_secs(1);
const TRIES: u32 = 5;
const PERIOD: Duration = Duration::from_secs(60);

/// A jump, and what is good after it: sessions, a token for half an hour, an access token for five minutes.
struct Jump {
    name: &'static str,
    to: fn(Timestamp) -> Timestamp,
    good: [bool; 3],
}

/// A JSON Web Token that was issued later than now is refused.
const JUMPS: [Jump; 4] = [
    Jump { name: "ten minutes on", to: |now| now.after(TEN_MINUTES), good: [true, true, false] },
    Jump { name: "ten minutes back", to: |now| now.before(TEN_MINUTES), good: [true, true, false] },
    Jump { name: "a year on", to: |now| now.after(YEAR), good: [false, false, false] },
    Jump { name: "a year back", to: |now| now.before(YEAR), good: [true, true, false] },
];

/// What somebody holds when the clock jumps, and what has been given up.
struct Held {
    good: [String; 3],
    ended: Vec<String>,
    exchanged: String,
    revoked: String,
    login: Login,
}

async fn take(world: &World, john: &Visitor) -> Held {
    let user = world.users.find_by_name("john").await.unwrap().unwrap();
    let (login, gone) = (john.log_in().await.unwrap(), john.log_in().await.unwrap());
    let short = NewToken::default().with_lifetime(Duration::from_secs(1800));
    let token = world.tokens.issue(&user.id, short).await.unwrap();
    let (access, _) = john.pair().await.unwrap();
    let dead = john.issue().await.unwrap();
    let (_, exchanged) = john.pair().await.unwrap();
    john.refresh(&exchanged).await.unwrap();
    let (_, revoked) = john.pair().await.unwrap();
    john.log_out(&gone).await.unwrap();
    john.revoke(&dead).await.unwrap();
    john.end(&revoked).await.unwrap();
    Held {
        good: [login.credential(), format!("Token {}", token.expose_secret()), format!("Bearer {access}")],
        ended: vec![gone.credential(), format!("Token {dead}")],
        exchanged,
        revoked,
        login,
    }
}

fn refused<T>(answer: &Answer<T>) -> bool {
    matches!(answer, Err(Trouble::Refused(_)))
}

impl Held {
    /// Nothing that was given up is good, on any route.
    async fn assert_ended(&self, john: &Visitor, when: &str) {
        for credential in &self.ended {
            assert!(refused(&john.ask("/closed", credential).await), "{when}: {credential}");
            let open = john.ask("/optional", credential).await;
            assert!(open.is_err() || open == Ok(String::new()), "{when}: {credential}: {open:?}");
        }
        assert!(refused(&john.refresh(&self.revoked).await), "{when}: a revoked pair");
    }

    async fn assert_good(&self, john: &Visitor, wanted: [bool; 3], when: &str) {
        for (credential, wanted) in self.good.iter().zip(wanted) {
            let answer = john.ask("/closed", credential).await;
            assert!(
                if wanted { answer.as_deref() == Ok("john") } else { refused(&answer) },
                "{when}: {credential}: {answer:?}"
            );
        }
        let kept = john.note(&self.login, "kept").await;
        assert_eq!(kept.is_ok(), wanted[0], "{when}: a save: {kept:?}");
    }
}

/// Every jump and back again, each with something new to hold.
async fn jump(store: impl Store, tokens: impl UserByToken<Account>, name: &str) {
    let clock = FixedClock::at(SystemClock.now());
    let environment = Environment::default().with_clock(Arc::new(clock.clone()));
    let access = JwtConfig::default().with_access_lifetime(Duration::from_secs(300));
    let world = World::build(store, tokens, &environment, access).unwrap();
    world.somebody("john").await.unwrap();
    let john = Visitor::new(&Door::Here(world.app.clone()), "john");
    for jump in JUMPS {
        let before = clock.now();
        let held = take(&world, &john).await;
        clock.set((jump.to)(before));
        held.assert_ended(&john, jump.name).await;
        held.assert_good(&john, jump.good, jump.name).await;
        // Whoever logs in now is served now.
        let new = log_in(&john, &clock).await;
        assert_eq!(john.ask("/closed", &new.credential()).await.as_deref(), Ok("john"), "{}", jump.name);
        purge(&world).await;
        clock.set(before);
        held.assert_ended(&john, "and back").await;
        assert!(
            refused(&john.refresh(&held.exchanged).await),
            "{} and back: a token that was exchanged",
            jump.name
        );
        clock.set(before.after(YEAR));
        held.assert_good(&john, [false; 3], "in the end").await;
        clock.set(before);
        log_in(&john, &clock).await;
    }
    count(&world, name).await;
    Row::new("the clock jumps by ten minutes and a year, on and back", name).with("let in", 0).print();
}

/// Logs in, on a clock that may have gone back by more than a period: then each of the three counters is taken for used up,
/// and gives one try back after an interval.
async fn log_in(john: &Visitor, clock: &FixedClock) -> Login {
    for _ in 0..3 {
        match john.log_in().await {
            Ok(login) => return login,
            Err(Trouble::Wrong(answer)) => assert!(answer.starts_with("429"), "{answer}"),
            Err(other) => assert_eq!(Err(other), Ok(())),
        }
        clock.advance(MOMENT);
    }
    john.log_in().await.unwrap()
}

/// Deletes what has ended by the clock that jumped: without its rows what was given up stays given up.
async fn purge(world: &World) {
    while !world.sessions.purge(1000).await.unwrap().is_done {}
    while !world.tokens.purge(1000).await.unwrap().is_done {}
    while !world.jwt.purge(1000).await.unwrap().is_done {}
}

/// Takes tries until none is left; how many there were.
async fn take_all(world: &World, key: &Digest, limit: &Limit, now: Timestamp) -> u32 {
    for taken in 0..100 {
        match world.counters.reserve(key, limit, now).await.unwrap() {
            Reserved::Granted => {}
            Reserved::Refused { wait } => {
                assert!(wait <= PERIOD, "{wait:?} until the next try: longer than the period");
                return taken;
            }
        }
    }
    100
}

/// After each jump at most the limit is given, and after a jump there and back nothing more.
async fn count(world: &World, name: &str) {
    let now = SystemClock.now();
    for algorithm in [Algorithm::Gcra, Algorithm::Log] {
        let limit = Limit::new(NonZeroU32::new(TRIES).unwrap(), PERIOD).with_algorithm(algorithm);
        for jump in JUMPS {
            let key = Digest::of(&format!("{name} {algorithm:?} {}", jump.name));
            let there = (jump.to)(now);
            assert_eq!(take_all(world, &key, &limit, now).await, TRIES, "{algorithm:?}");
            let more = take_all(world, &key, &limit, there).await;
            let back = take_all(world, &key, &limit, now).await;
            let is_on = there > now;
            // On: the period is over. Back: no time has passed.
            assert_eq!(more, if is_on { TRIES } else { 0 }, "{algorithm:?}, {}", jump.name);
            let most = if is_on { 0 } else { TRIES };
            assert!(back <= most, "{algorithm:?}, {} and back: {back}", jump.name);
            let later = take_all(world, &key, &limit, now.after(PERIOD)).await;
            assert!(later <= TRIES && later > 0, "{algorithm:?}, {}: {later} a period later", jump.name);
        }
    }
}

#[tokio::test]
async fn on_memory_nothing_that_ended_comes_back() {
    let store = MemoryStore::new();
    jump(store.clone(), store, "memory").await;
}

#[tokio::test]
async fn on_sqlite_nothing_that_ended_comes_back() {
    let file = File::new();
    let store = file.store().await;
    jump(store.clone(), store, "SQLite").await;
}

#[tokio::test]
async fn on_postgres_nothing_that_ended_comes_back() {
    let Some(server) = Kind::Postgres.start().await else { return };
    let store = SqlStore::connect(&server.url()).await.unwrap();
    store.migrate().await.unwrap();
    jump(store.clone(), store, server.name()).await;
}

#[tokio::test]
async fn on_redis_nothing_that_ended_comes_back() {
    on_redis(Kind::Redis).await;
}

#[tokio::test]
async fn on_a_cluster_nothing_that_ended_comes_back() {
    on_redis(Kind::Cluster).await;
}

async fn on_redis(kind: Kind) {
    let Some(server) = kind.start().await else { return };
    let (file, redis) = (File::new(), RedisStore::connect(&server.url()).await.unwrap());
    let beside = file.store().await;
    jump(Mixed::new(redis, beside.clone()), beside, server.name()).await;
}
