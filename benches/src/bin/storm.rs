//! A storm of wrong logins: how long an authenticated request takes meanwhile, and how much memory the server.
//!
//! The program starts itself once more as the server, so that its memory is the server's alone; both end after ten
//! seconds. It fails when a bound does not hold.

use std::io::{BufRead, BufReader, Write, stdout};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use portcullis::store::MemoryStore;
use portcullis::{Guard, NewToken, Tokens, Users};
use portcullis_axum::{Auth, Router, get};
use portcullis_benches::{Outcome, median};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const CLIENTS: u64 = 200;
const STORM: Duration = Duration::from_secs(6);
const CALM: Duration = Duration::from_secs(1);
const MAX_P99: Duration = Duration::from_millis(50);
const KIB_PER_THREAD: u64 = 19 * 1024;
const KIB_BESIDE: u64 = 64 * 1024;

#[derive(Default)]
struct Counts {
    wrong: AtomicU64,
    busy: AtomicU64,
    busy_without_retry_after: AtomicU64,
    other: AtomicU64,
}

fn main() -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match std::env::args().nth(1).as_deref() {
        Some("serve") => runtime.block_on(serve()),
        _ => {
            let mut server =
                Command::new(std::env::current_exe()?).arg("serve").stdout(Stdio::piped()).spawn()?;
            let outcome = runtime.block_on(storm(&mut server));
            server.kill()?;
            server.wait()?;
            outcome
        }
    }
}

/// Serves like the bookshop does, from memory; prints its address and a token.
async fn serve() -> Outcome<()> {
    let store = MemoryStore::new();
    let users = Users::new(store.clone());
    let tokens = Tokens::new(store);
    for number in 0..CLIENTS {
        users.create_without_password(&format!("user{number}")).await?;
    }
    let john = users.create_without_password("john").await?;
    let token = tokens.issue(&john.id, NewToken::default()).await?;
    let guard = Guard::builder(users).authenticate(tokens.authenticator()).build()?;
    let books = async |auth: Auth| auth.user().username.clone();
    let app =
        Router::new(guard).route("/books", get(books)).merge(tokens.endpoints("/login")).into_router(())?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(stdout(), "{} {}", listener.local_addr()?, token.expose_secret())?;
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}

async fn storm(server: &mut Child) -> Outcome<()> {
    let mut line = String::new();
    BufReader::new(server.stdout.take().ok_or("the server says nothing")?).read_line(&mut line)?;
    let (address, token) = line.trim().split_once(' ').ok_or("the server says nothing")?;
    let address: SocketAddr = address.parse()?;
    let get = format!("GET /books HTTP/1.1\r\nhost: x\r\nauthorization: Token {token}\r\n\r\n");
    let calm = latencies(address, &get, CALM).await?;
    let idle = memory(server.id(), "VmRSS:")?;
    let (counts, over) = (Arc::new(Counts::default()), Arc::new(AtomicBool::new(false)));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| tokio::spawn(log_in(address, number, Arc::clone(&counts), Arc::clone(&over))))
        .collect();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let busy = latencies(address, &get, STORM).await?;
    over.store(true, Ordering::Relaxed);
    let peak = memory(server.id(), "VmHWM:")?;
    for client in clients {
        client.await??;
    }
    report(&calm, &busy, &counts, idle, peak)
}

fn report(calm: &[f64], busy: &[f64], counts: &Counts, idle: u64, peak: u64) -> Outcome<()> {
    let threads = u64::try_from(std::thread::available_parallelism()?.get())?;
    let bound = idle + KIB_PER_THREAD * threads + KIB_BESIDE;
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let seconds = STORM.as_secs() + 1;
    let mut out = stdout().lock();
    for (name, latencies) in [("calm", calm), ("storm", busy)] {
        writeln!(
            out,
            "{name:6} authenticated GET: {} answers, p50 {:.2} ms, p99 {:.2} ms",
            latencies.len(),
            median(latencies) * 1e3,
            percentile_99(latencies) * 1e3
        )?;
    }
    let (wrong, unavailable) = (count(&counts.wrong), count(&counts.busy));
    writeln!(
        out,
        "logins refused {wrong} (about {} a second), 503 with Retry-After {unavailable}",
        wrong / seconds
    )?;
    writeln!(out, "memory: idle {idle} KiB, peak {peak} KiB, bound {bound} KiB ({threads} threads)")?;
    let broken = [
        ("p99 is over 50 ms", percentile_99(busy) > MAX_P99.as_secs_f64()),
        ("memory is over its bound", peak > bound),
        ("a 503 has no Retry-After", count(&counts.busy_without_retry_after) > 0),
        ("a login was answered otherwise than 400 or 503", count(&counts.other) > 0),
        ("no login was answered", wrong == 0),
    ];
    broken.iter().find(|(_, is_broken)| *is_broken).map_or(Ok(()), |(what, _)| Err((*what).into()))
}

fn percentile_99(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.get(sorted.len() * 99 / 100).copied().unwrap_or_default()
}

/// Asks one after another, a little apart, and returns how many seconds each answer took.
async fn latencies(address: SocketAddr, request: &str, time: Duration) -> Outcome<Vec<f64>> {
    let mut connection = TcpStream::connect(address).await?;
    connection.set_nodelay(true)?;
    let (start, mut latencies) = (Instant::now(), Vec::new());
    while start.elapsed() < time {
        let asked = Instant::now();
        let answer = exchange(&mut connection, request).await?;
        latencies.push(asked.elapsed().as_secs_f64());
        if !answer.starts_with("HTTP/1.1 200") {
            return Err(answer.into());
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(latencies)
}

/// Tries wrong passwords for one account; waits as a 503 asks, at most a second.
async fn log_in(address: SocketAddr, number: u64, counts: Arc<Counts>, over: Arc<AtomicBool>) -> Outcome<()> {
    let body = format!("username=user{number}&password=wrong");
    let request = format!(
        "POST /login HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut connection = TcpStream::connect(address).await?;
    while !over.load(Ordering::Relaxed) {
        let answer = exchange(&mut connection, &request).await?;
        let counter = match answer.get(9..12) {
            Some("400" | "401") => &counts.wrong,
            Some("503") if answer.contains("\r\nretry-after: ") => &counts.busy,
            Some("503") => &counts.busy_without_retry_after,
            _ => &counts.other,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        if answer.starts_with("HTTP/1.1 503") {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
    Ok(())
}

/// Sends a request and returns the whole answer.
async fn exchange(connection: &mut TcpStream, request: &str) -> Outcome<String> {
    connection.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    loop {
        if connection.read_buf(&mut answer).await? == 0 {
            return Err("the server hung up".into());
        }
        let text = std::str::from_utf8(&answer)?;
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.unwrap_or("0").parse::<usize>()? {
            return Ok(text.to_owned());
        }
    }
}

fn memory(process: u32, field: &str) -> Outcome<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)).ok_or("no memory in /proc")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
