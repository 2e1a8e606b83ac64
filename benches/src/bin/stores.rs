//! What the stores cost as they grow: a look-up through the guard at 10^3 and at 10^6 rows, round trips a request, and a
//! purge of 10^6 expired sessions beside requests. `stores NUMBER` takes as many rows instead of 10^6.
//!
//! Prints: `what <tab> value <tab> value <tab> ratio <tab> target <tab> verdict`.

use std::io::{Write, stdout};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use portcullis::store::{
    MemoryStore, Mixed, NewUser, RefreshStore, SessionChange, SessionRecord, SessionStore, TokenRecord,
    TokenStore, UserBySession, UserStore,
};
use portcullis::{Account, Clock, Digest, SystemClock, Timestamp, UserId};
use portcullis_benches::{By, Door, Outcome, Turns, commands, median};
use portcullis_redis::RedisStore;
use portcullis_servers::{Cluster, Postgres, Redis, or_left_out, unique};
use portcullis_sql::SqlStore;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};

const FEW: u32 = 1_000;
const MANY: u32 = 1_000_000;
/// How many users knock, and how often.
const CALLERS: u32 = 200;
const KNOCKS: usize = 1_000;
/// How often all of that is done: whatever else the machine does only adds.
const ROUNDS: usize = 5;
/// How much slower a look-up may be among many rows than among few.
const RATIO: f64 = 1.5;
/// How long a request may wait beside a purge.
const WAIT: f64 = 100.0;
/// How long a purge is watched; what it has not deleted by then is left.
const PATIENCE: Duration = Duration::from_secs(180);
/// How many rows one call of a purge may delete.
const LIMIT: u32 = 10_000;

#[tokio::main]
async fn main() -> Outcome<()> {
    let many = match std::env::args().nth(1) {
        Some(number) => number.parse()?,
        None => MANY,
    };
    writeln!(stdout(), "look-up\tat {FEW} us\tat {many} us\tratio\ttarget")?;
    on_memory(many).await?;
    let folder = std::env::temp_dir().join(unique("portcullis-stores"));
    std::fs::create_dir_all(&folder)?;
    let outcome = on_sqlite(&folder.join("stores.db").display().to_string(), many).await;
    std::fs::remove_dir_all(&folder)?;
    outcome?;
    // Throwaway servers of which the data need not survive the machine.
    if let Some(server) = or_left_out(Postgres::start_with(&["fsync=off", "shared_buffers=512MB"])) {
        on_postgres(&server, many).await?;
    }
    if let Some(server) = or_left_out(Redis::start(&["--appendonly", "no"])) {
        on_redis("Redis", &server.url(), std::slice::from_ref(&server), many).await?;
    }
    if let Some(cluster) = or_left_out(Cluster::start()) {
        // A replica that has just begun confirms nothing in its first second.
        tokio::time::sleep(Duration::from_secs(3)).await;
        on_redis("Redis Cluster", &cluster.url(), cluster.nodes(), many).await?;
    }
    Ok(())
}

async fn on_memory(many: u32) -> Outcome<()> {
    let store = MemoryStore::new();
    let mut times = Vec::new();
    for (from, to) in [(0, FEW), (FEW, many)] {
        for number in from..to {
            let user = store.create_user(NewUser::new(format!("user{number}"))).await?.id.clone();
            let digest = Digest::of(&format!("token {number}"));
            store.create_token(TokenRecord::new(digest, user, SystemClock.now()), None).await?;
            store.commit(create(number, SystemClock.now())).await?;
        }
        times.push(look_ups(&Door::new(&store, &store, &some(to)).await?).await?);
    }
    report("memory", &By::ALL, &times)
}

async fn on_sqlite(path: &str, many: u32) -> Outcome<()> {
    let url = format!("sqlite:{path}");
    let store = SqlStore::connect(&url).await?;
    let mut database = SqliteConnection::connect(&url).await?;
    let mut times = Vec::new();
    for (from, to) in [(1, FEW), (FEW + 1, many)] {
        let numbers =
            format!("with recursive n(i) as (select {from} union all select i + 1 from n where i < {to})");
        for statement in [
            format!(
                "{numbers} insert into portcullis_user select i, 'user' || i, '', null, 1, 0, 0, 0, 0 from n where true"
            ),
            format!(
                "{numbers} insert into portcullis_token select randomblob(32), cast(i as text), '', null, 0, null, null, null, {} from n",
                i64::MAX
            ),
            format!(
                "{numbers} insert into portcullis_session select randomblob(32), cast(i as text), 0, 0, 0, {}, '{{}}', '' from n",
                i64::MAX
            ),
        ] {
            sqlx::query(AssertSqlSafe(statement)).execute(&mut database).await?;
        }
        times.push(look_ups(&Door::new(&store, &store, &some(to)).await?).await?);
    }
    report("SQLite", &By::ALL, &times)?;
    let expire = "update portcullis_session set expires_at = 1 where expires_at > 4102444800000000";
    sqlx::query(expire).execute(&mut database).await?;
    drop(database);
    purge("SQLite", &store).await
}

async fn on_postgres(server: &Postgres, many: u32) -> Outcome<()> {
    let turns = Turns::before(server.address()).await?;
    let url = server.database();
    let store = SqlStore::connect(&url).await?;
    store.migrate().await?;
    let mut database = PgConnection::connect(&url).await?;
    let mut times = Vec::new();
    for (from, to) in [(1, FEW), (FEW + 1, many)] {
        let numbers = format!("from generate_series({from}, {to}) i");
        for statement in [
            format!(
                "insert into portcullis_user (username, email, password, is_active, is_staff, is_superuser, auth_epoch, created_at) select 'user' || i, '', null, true, false, false, 0, 0 {numbers}"
            ),
            format!(
                "insert into portcullis_token select sha256(('token' || i)::bytea), i::text, '', null, 0, null, null, null, {} {numbers}",
                i64::MAX
            ),
            format!(
                "insert into portcullis_session select sha256(('session' || i)::bytea), i::text, 0, 0, 0, {}, '{{}}', '' {numbers}",
                i64::MAX
            ),
            "vacuum analyze".to_owned(),
        ] {
            sqlx::query(AssertSqlSafe(statement)).execute(&mut database).await?;
        }
        times.push(look_ups(&Door::new(&store, &store, &some(to)).await?).await?);
    }
    report("PostgreSQL", &By::ALL, &times)?;
    let through = url.replace(&server.address().to_string(), &turns.address().to_string());
    let counted = SqlStore::connect(&through).await?;
    let door = Door::new(&counted, &counted, &some(many)).await?;
    for by in By::ALL {
        knock_all(&door, by).await?;
        let _ = turns.take();
        knock_all(&door, by).await?;
        round_trips("PostgreSQL", by, turns.take(), door.callers(), 1)?;
    }
    let expire = "update portcullis_session set expires_at = 1 where expires_at > 4102444800000000";
    sqlx::query(expire).execute(&mut database).await?;
    purge("PostgreSQL", &store).await
}

/// Sessions lie there, users in memory.
async fn on_redis(name: &str, url: &str, servers: &[Redis], many: u32) -> Outcome<()> {
    let users = MemoryStore::new();
    let redis = RedisStore::connect(url).await?;
    let store = Mixed::new(redis.clone(), users.clone());
    let mut times = Vec::new();
    for (from, to) in [(0, FEW), (FEW, many)] {
        for number in from..to {
            users.create_user(NewUser::new(format!("user{number}"))).await?;
        }
        fill(&redis, from..to, SystemClock.now()).await?;
        let door = Door::new(&users, &store, &some(to)).await?;
        times.push(look_ups(&door).await?);
        if to == many {
            let before = commands(servers)?;
            knock_all(&door, By::Session).await?;
            let sent = usize::try_from(commands(servers)? - before)?;
            round_trips(name, By::Session, sent, door.callers(), 1)?;
        }
    }
    report(name, &[By::Session], &times)?;
    // Those above stay; as many again ended a minute ago, and the server would keep them for a while.
    fill(&redis, many..many * 2, SystemClock.now().before(Duration::from_secs(86_460))).await?;
    purge(name, &store).await
}

async fn fill(redis: &RedisStore, numbers: std::ops::Range<u32>, now: Timestamp) -> Outcome<()> {
    let mut creations = stream::iter(numbers)
        .map(|number| {
            let redis = redis.clone();
            async move { redis.commit(create(number, now)).await }
        })
        .buffer_unordered(256);
    while let Some(created) = creations.next().await {
        created?;
    }
    Ok(())
}

/// A session of a day.
fn create(number: u32, now: Timestamp) -> SessionChange {
    let mut record = SessionRecord::new(now, now.after(Duration::from_secs(86_400)));
    record.user = Some(UserId::from(i64::from(number) + 1));
    SessionChange::Create(Digest::of(&format!("session {number}")), record)
}

/// Some users out of so many, far apart.
fn some(rows: u32) -> Vec<UserId> {
    (0..CALLERS).map(|number| UserId::from(i64::from(number * (rows / CALLERS)) + 1)).collect()
}

async fn knock_all(door: &Door, by: By) -> Outcome<()> {
    for caller in 0..door.callers() {
        door.knock(by, caller).await?;
    }
    Ok(())
}

/// Times look-ups, one after the other: of each kind the least median of some rounds, in microseconds.
async fn look_ups(door: &Door) -> Outcome<[f64; 3]> {
    let mut least = [f64::INFINITY; 3];
    for _ in 0..ROUNDS {
        for (by, least) in By::ALL.into_iter().zip(&mut least) {
            knock_all(door, by).await?;
            let mut times = Vec::with_capacity(KNOCKS);
            for caller in 0..KNOCKS {
                let began = Instant::now();
                door.knock(by, caller).await?;
                times.push(began.elapsed().as_secs_f64() * 1e6);
            }
            *least = least.min(median(&times));
        }
    }
    Ok(least)
}

fn report(name: &str, kinds: &[By], times: &[[f64; 3]]) -> Outcome<()> {
    let [few, many] = times else { return Err("there are two sizes".into()) };
    for (index, by) in By::ALL.into_iter().enumerate().filter(|(_, by)| kinds.contains(by)) {
        let (few, many) = (few.get(index).copied().unwrap_or(0.0), many.get(index).copied().unwrap_or(0.0));
        let ratio = many / few;
        let verdict = if ratio > RATIO { "\tMISS" } else { "" };
        writeln!(stdout(), "{name}, {by:?}\t{few:.1}\t{many:.1}\t{ratio:.2}\t{RATIO}{verdict}")?;
    }
    Ok(())
}

fn round_trips(name: &str, by: By, counted: usize, requests: usize, target: usize) -> Outcome<()> {
    let verdict = if counted > requests * target { "\tMISS" } else { "" };
    writeln!(
        stdout(),
        "{name}, {by:?}, round trips\t{counted} for {requests} requests\t\t\t{target}{verdict}"
    )?;
    Ok(())
}

/// Purges everything that has ended, while somebody knocks and somebody logs in.
async fn purge<S>(name: &str, store: &S) -> Outcome<()>
where
    S: UserBySession<Account> + RefreshStore + Clone,
{
    let id = UserId::from(1);
    let session = Digest::of("the one who knocks");
    let record = || {
        let now = SystemClock.now();
        let mut record = SessionRecord::new(now, now.after(Duration::from_secs(86_400)));
        record.user = Some(id.clone());
        record
    };
    store.commit(SessionChange::Create(session, record())).await?;
    let is_over = Arc::new(AtomicBool::new(false));
    let beside = {
        let (store, is_over, record) = (store.clone(), Arc::clone(&is_over), record());
        tokio::spawn(async move {
            let mut longest = [0.0_f64; 2];
            let mut number = 0_u32;
            while !is_over.load(Ordering::Relaxed) {
                let began = Instant::now();
                store.user_by_session(&session).await?;
                let found = began.elapsed();
                let login = Digest::of(&format!("login {number}"));
                store.commit(SessionChange::Create(login, record.clone())).await?;
                let [looked_up, logged_in] = &mut longest;
                *looked_up = looked_up.max(found.as_secs_f64() * 1e3);
                *logged_in = logged_in.max((began.elapsed() - found).as_secs_f64() * 1e3);
                number += 1;
            }
            Ok::<_, portcullis::store::StoreError>((longest, number))
        })
    };
    let (began, mut rows, mut calls, mut is_done) = (Instant::now(), 0, 0, false);
    while !is_done && began.elapsed() < PATIENCE {
        let purged = store.purge_sessions(SystemClock.now(), LIMIT).await?;
        calls += 1;
        rows += purged.deleted;
        is_done = purged.is_done;
    }
    let took = began.elapsed();
    is_over.store(true, Ordering::Relaxed);
    let ([looked_up, logged_in], number) = beside.await??;
    writeln!(
        stdout(),
        "{name}, purge\t{rows} rows in {:.1} s\t{calls} calls of {LIMIT}\t{number} logins beside",
        took.as_secs_f64()
    )?;
    for (what, longest) in [("look-up", looked_up), ("login", logged_in)] {
        let verdict = if longest > WAIT { "\tMISS" } else { "" };
        writeln!(stdout(), "{name}, longest {what} beside a purge\t{longest:.1} ms\t\t\t{WAIT} ms{verdict}")?;
    }
    Ok(())
}
