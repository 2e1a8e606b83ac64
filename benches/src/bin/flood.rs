//! A flood of strangers: 10^6 requests with random credentials from random addresses, once on each store.
//!
//! It fails when a store has a row more than before, when the counters of the throttles outgrow their bound, when memory
//! grows with the number of requests, or when anybody gets in. `flood NUMBER` sends as many instead.

use std::io::{Write, stdout};
use std::time::Instant;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use http::StatusCode;
use portcullis::store::{MemoryStore, RefreshStore, UserBySession, UserByToken};
use portcullis::{
    Account, Guard, Jwt, KeyRing, Rate, SessionConfig, Sessions, Throttle, TokenConfig, Tokens, Users,
};
use portcullis_axum::{MaybeAuth, Router, get};
use portcullis_benches::Outcome;
use portcullis_sql::SqlStore;
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};
use tower_service::Service;

const REQUESTS: u64 = 1_000_000;
/// How much memory may grow from the time when the counters are full, in KiB.
const GROWTH: u64 = 4 * 1024;
/// The counters are full after so many addresses (the bound of the memory store).
const COUNTERS: u64 = 100_000;

#[tokio::main]
async fn main() -> Outcome<()> {
    let requests = match std::env::args().nth(1) {
        Some(number) => number.parse()?,
        None => REQUESTS,
    };
    let counters = MemoryStore::new();
    let memory = MemoryStore::new();
    flood("memory", service(&memory, &counters)?, requests).await?;
    drop(memory);
    let folder = tempfile();
    std::fs::create_dir_all(&folder)?;
    let file = folder.join("flood.db");
    let url = format!("sqlite:{}", file.display());
    let outcome = flood_sqlite(&url, requests).await;
    std::fs::remove_dir_all(&folder)?;
    outcome
}

/// A file on disk for users, tokens, sessions and refresh tokens; the throttles count in memory, as the book advises.
async fn flood_sqlite(url: &str, requests: u64) -> Outcome<()> {
    let store = SqlStore::connect(url).await?;
    Users::new(store.clone()).create_without_password("john").await?;
    let before = rows(url).await?;
    flood("SQLite", service(&store, &MemoryStore::new())?, requests).await?;
    let after = rows(url).await?;
    writeln!(stdout(), "SQLite rows: {before:?} before, {after:?} after")?;
    if before == after { Ok(()) } else { Err("a flood of strangers left rows behind".into()) }
}

fn tempfile() -> std::path::PathBuf {
    std::env::temp_dir().join(format!("portcullis-flood-{}", std::process::id()))
}

/// Everything that a stranger can meet: four authenticators, an open and a closed route, throttles by address.
fn service<S>(store: &S, counters: &MemoryStore) -> Outcome<axum::Router>
where
    S: UserByToken<Account> + UserBySession<Account> + RefreshStore + Clone,
{
    let users = Users::new(store.clone());
    let tokens = Tokens::new(store.clone()).with_config(TokenConfig::drf());
    let sessions = Sessions::new(store.clone(), SessionConfig::default());
    let jwt = Jwt::new(KeyRing::from_secret("3VqhXkFZ0m4Rr1bYp7sTt9uWwEeJc2Ld")?, store.clone())?;
    let rate: Rate = "100/day".parse()?;
    let guard = Guard::builder(users)
        .authenticate(tokens.authenticator())
        .authenticate(sessions.authenticator())
        .authenticate(jwt.authenticator())
        .throttle(Throttle::anonymous(counters.clone(), rate))
        .trusted_proxies(["127.0.0.0/8"])
        .build()?;
    let who = async |auth: MaybeAuth| auth.user().map(|user| user.username.clone()).unwrap_or_default();
    Ok(Router::new(guard).route("/open", get(who).public()).route("/closed", get(who)).into_router(())?)
}

async fn flood(name: &str, mut service: axum::Router, requests: u64) -> Outcome<()> {
    let (mut random, began) = (Random(0x9e37_79b9_7f4a_7c15), Instant::now());
    let (mut refused, mut open, mut full) = (0_u64, 0_u64, 0);
    for number in 0..requests {
        let is_open = number % 4 == 0;
        let request = request(&mut random, is_open)?;
        let Ok(answer) = Service::<Request>::call(&mut service, request).await;
        match answer.status() {
            StatusCode::UNAUTHORIZED => refused += 1,
            StatusCode::OK if is_open => open += 1,
            other => return Err(format!("{name}: a stranger was answered {other}").into()),
        }
        // By then everything that is bounded has reached its bound, and the tables of it their last size.
        if number == requests / 4 * 3 {
            full = resident()?;
        }
    }
    let (end, took) = (resident()?, began.elapsed());
    writeln!(
        stdout(),
        "{name}: {requests} requests in {:.1} s, {refused} refused, {open} to the open route; memory {full} KiB after three quarters, {end} KiB at the end",
        took.as_secs_f64()
    )?;
    let counted = requests / 8 > COUNTERS;
    if counted && end > full + GROWTH {
        Err(format!("{name}: memory grows with the requests").into())
    } else {
        Ok(())
    }
}

/// A stranger's request: a token, a session or a JWT that nobody has, or nothing, from an address that nobody had.
fn request(random: &mut Random, is_open: bool) -> Outcome<Request> {
    let [a, b, c, ..] = random.next().to_be_bytes();
    let builder = Request::get(if is_open { "/open" } else { "/closed" })
        .header("x-forwarded-for", format!("11.{a}.{b}.{c}"))
        .extension(ConnectInfo(std::net::SocketAddr::from(([127, 0, 0, 1], 4711))));
    let hexadecimal = |random: &mut Random| {
        format!("{:016x}{:016x}{:08x}", random.next(), random.next(), random.next() >> 32)
    };
    // What is refused is not counted, so the open route sees nobody alone.
    let kind = if is_open { 0 } else { random.next() % 4 };
    let builder = match kind {
        0 => builder,
        1 => builder.header("authorization", format!("Token {}", hexadecimal(random))),
        2 => builder.header("cookie", format!("__Host-session={}", &hexadecimal(random)[..32])),
        _ => builder.header(
            "authorization",
            format!("Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9.e30.{}AAA", hexadecimal(random)),
        ),
    };
    Ok(builder.body(Body::empty())?)
}

/// The rows of each table that strangers might fill.
async fn rows(url: &str) -> Outcome<Vec<i64>> {
    let mut database = SqliteConnection::connect(url).await?;
    let mut rows = Vec::new();
    for table in ["user", "token", "session", "refresh", "counter"] {
        let count = AssertSqlSafe(format!("select count(*) from portcullis_{table}"));
        rows.push(sqlx::query_scalar(count).fetch_one(&mut database).await?);
    }
    Ok(rows)
}

/// The memory that this process holds, in KiB.
fn resident() -> Outcome<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// SplitMix64: the same flood every time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
