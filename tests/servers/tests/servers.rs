//! The servers start, die, come back with their data, and leave nothing behind.

#![expect(clippy::unwrap_used, reason = "whatever fails ends the test")]

use std::process::Command;
use std::time::{Duration, Instant};

use portcullis_servers::{Cluster, Fault, Postgres, Proxy, Redis, or_left_out};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

fn is_open(port: u16) -> bool {
    std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
}

fn processes_with(word: &str) -> String {
    String::from_utf8(Command::new("pgrep").args(["-f", word]).output().unwrap().stdout).unwrap()
}

#[test]
fn redis_keeps_what_it_acknowledged_before_it_was_killed() {
    let Some(redis) = or_left_out(Redis::start(&[])) else { return };
    assert_eq!(redis.cli(&["set", "a", "1"]).trim(), "OK");
    redis.kill();
    assert!(!is_open(redis.port()));
    redis.restart().unwrap();
    assert_eq!(redis.cli(&["get", "a"]).trim(), "1");
    let port = redis.port();
    drop(redis);
    assert!(!is_open(port));
    assert_eq!(processes_with(&format!("redis-server.*:{port}")), "");
}

#[test]
fn postgres_runs_dies_and_comes_back() {
    let Some(postgres) = or_left_out(Postgres::start()) else { return };
    let url = postgres.database();
    assert!(url.starts_with("postgres://portcullis@127.0.0.1:"), "{url}");
    assert_ne!(postgres.database(), url);
    postgres.kill();
    assert!(!is_open(postgres.port()));
    postgres.restart().unwrap();
    assert!(is_open(postgres.port()));
    let port = postgres.port();
    drop(postgres);
    assert!(!is_open(port));
    assert_eq!(processes_with(&format!("postgres.*-p {port}")), "");
}

#[test]
fn a_paused_server_accepts_and_does_not_answer() {
    let Some(redis) = or_left_out(Redis::start(&[])) else { return };
    redis.pause();
    assert!(is_open(redis.port()));
    let mut stream = std::net::TcpStream::connect(redis.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    std::io::Write::write_all(&mut stream, b"PING\r\n").unwrap();
    assert!(std::io::Read::read(&mut stream, &mut [0; 8]).is_err());
    redis.resume();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    assert_eq!(std::io::Read::read(&mut stream, &mut [0; 8]).unwrap(), 7);
}

#[test]
fn a_cluster_replaces_a_master_that_was_killed() {
    let Some(cluster) = or_left_out(Cluster::start()) else { return };
    let old = cluster.master_of("a").unwrap();
    assert_eq!(old.cli(&["set", "a", "1"]).trim(), "OK");
    assert!(old.cli(&["wait", "1", "1000"]).trim() >= "1");
    let began = Instant::now();
    old.kill();
    while cluster.master_of("a").is_none_or(|master| master.port() == old.port()) {
        assert!(began.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(50));
    }
    cluster.wait_until_healthy().unwrap();
    assert_eq!(cluster.master_of("a").unwrap().cli(&["get", "a"]).trim(), "1");
    old.restart().unwrap();
    cluster.wait_until_healthy().unwrap();
}

/// Answers whatever comes, in full.
async fn echo() -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = stream.split();
                let _ = tokio::io::copy(&mut read, &mut write).await;
            });
        }
    });
    address
}

async fn ask(stream: &mut TcpStream) -> Result<usize, &'static str> {
    let mut answer = [0; 10];
    if stream.write_all(b"0123456789").await.is_err() {
        return Err("broken");
    }
    let mut got = 0;
    while got < 10 {
        match timeout(Duration::from_millis(400), stream.read(answer.get_mut(got..).unwrap_or_default()))
            .await
        {
            Err(_) => return Err("silent"),
            Ok(Err(_)) => return Err("broken"),
            Ok(Ok(0)) => return Ok(got),
            Ok(Ok(more)) => got += more,
        }
    }
    Ok(got)
}

#[tokio::test]
async fn a_proxy_does_each_fault_and_none_when_it_is_over() {
    let proxy = Proxy::start(&[echo().await]).await.unwrap();
    let late = Fault::Delay(Duration::from_millis(600));
    for (fault, new, open) in [
        (Fault::None, Ok(10), Ok(10)),
        (Fault::Silence, Err("silent"), Err("silent")),
        (late, Err("silent"), Err("silent")),
        (Fault::CutAfter(4), Ok(4), Ok(4)),
        (Fault::Cut, Ok(10), Ok(0)),
        (Fault::None, Ok(10), Ok(10)),
    ] {
        let mut before = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(ask(&mut before).await, Ok(10), "before {fault:?}");
        proxy.set(fault);
        tokio::time::sleep(Duration::from_millis(50)).await;
        let answer = ask(&mut before).await;
        assert!(answer == open || (open == Ok(0) && answer == Err("broken")), "{fault:?}: {answer:?}");
        let mut during = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(ask(&mut during).await, new, "{fault:?}");
        proxy.set(Fault::None);
    }
    proxy.set(Fault::Refuse);
    let mut refused = TcpStream::connect(proxy.address()).await.unwrap();
    assert_ne!(ask(&mut refused).await, Ok(10));
    proxy.set(Fault::None);
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert_eq!(proxy.connections(), 0);
}

#[tokio::test]
async fn a_proxy_takes_the_upstreams_in_turn_and_passes_over_the_dead() {
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let proxy = Proxy::start(&[dead, echo().await]).await.unwrap();
    for _ in 0..4 {
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(ask(&mut stream).await, Ok(10));
    }
    assert_eq!(proxy.accepted(), 4);
}
