//! A real server with several workers.

#![expect(clippy::panic, clippy::unwrap_used, reason = "what goes wrong here ends the test")]

mod common;

use std::cell::Cell;
use std::collections::HashSet;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use actix_web::{App, HttpServer};
use common::TwoUsers;
use portcullis_actix::portcullis::permission::permission_fn;
use portcullis_actix::portcullis::{AuthRequest, Decision};
use portcullis_actix::{Auth, Router, Seal, any, get, post, resource};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A handler whose future may not leave its thread.
async fn not_send(auth: Auth) -> String {
    let count = Rc::new(Cell::new(1));
    tokio::task::yield_now().await;
    count.set(count.get() + 1);
    format!("{} {} {:?}", auth.user().username, count.get(), std::thread::current().id())
}

async fn panics() -> String {
    panic!("a bug of the handler");
}

/// Starts a server on a free port; it ends with the test's runtime.
async fn start(world: &TwoUsers) -> SocketAddr {
    let local = permission_fn(|request: &AuthRequest<'_>| {
        Decision::allow_if(request.client().is_some_and(|client| client.is_loopback()))
    });
    let routes = Router::new(world.guard())
        .service(resource("/").route(get().to(not_send)).route(post().to(not_send)))
        .service(resource("/open").route(any().to(|| async { "open" })).public())
        .service(resource("/local").route(get().to(|| async { "local" }).require(local)))
        .service(resource("/panics").route(get().to(panics)).public())
        .build()
        .unwrap();
    let app = move || App::new().configure(|config| routes.configure(config)).wrap(Seal);
    let server = HttpServer::new(app).workers(3).disable_signals().bind("127.0.0.1:0").unwrap();
    let address = *server.addrs().first().unwrap();
    actix_web::rt::spawn(server.run());
    address
}

/// Sends bytes and returns what comes back until the other end closes.
async fn exchange(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn ask(target: &str, token: &str) -> String {
    format!(
        "{target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nauthorization: Token {token}\r\n\r\n"
    )
}

#[actix_web::test]
async fn every_worker_guards() {
    let world = TwoUsers::new().await;
    let address = start(&world).await;
    let mut threads = HashSet::new();
    for _ in 0..40 {
        let answer = exchange(address, &ask("GET /", &world.john)).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(body.starts_with("john 2 "), "{body}");
        threads.insert(body.to_owned());
        let answer = exchange(address, &ask("GET /", "pct_bad")).await;
        assert!(answer.starts_with("HTTP/1.1 401 Unauthorized\r\n"), "{answer}");
    }
    assert!(threads.len() > 1, "one worker has answered all: {threads:?}");
}

#[actix_web::test]
async fn a_handler_that_panics_poisons_nothing() {
    let world = TwoUsers::new().await;
    let address = start(&world).await;
    for _ in 0..10 {
        assert_eq!(exchange(address, &ask("GET /panics", &world.john)).await, "");
    }
    for _ in 0..10 {
        assert!(exchange(address, &ask("GET /", &world.john)).await.starts_with("HTTP/1.1 200"));
    }
}

#[actix_web::test]
async fn what_only_a_real_connection_can_say() {
    let world = TwoUsers::new().await;
    let address = start(&world).await;
    let empty = |answer: &str| answer.ends_with("\r\n\r\n");
    for (target, token, status, is_empty) in [
        ("HEAD /", &*world.john, 200, true),
        ("HEAD /", "pct_bad", 401, true),
        ("PUT /", &*world.john, 405, false),
        ("GET /local", &*world.john, 200, false),
        ("GET http://localhost/", &*world.john, 200, false),
        ("GET http://localhost/", "pct_bad", 401, false),
        ("OPTIONS *", &*world.john, 404, false),
        ("CONNECT localhost:80", &*world.john, 404, false),
        ("GET /../open/..", "pct_bad", 404, false),
        ("GET /open", "pct_bad", 401, false),
        ("GET /unknown", &*world.john, 404, false),
    ] {
        let answer = exchange(address, &ask(target, token)).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{target}: {answer}");
        assert_eq!(empty(&answer), is_empty, "{target}: {answer}");
    }
}

#[actix_web::test]
async fn a_hostile_head_ends_in_400_or_a_refusal() {
    let world = TwoUsers::new().await;
    let address = start(&world).await;
    let many: String = (0..90).map(|number| format!("x-{number}: 1\r\n")).collect();
    let too_many: String = (0..40_000).map(|number| format!("x-{number}: 1\r\n")).collect();
    for (name, head, statuses) in [
        ("many headers", many.as_str(), vec!["401"]),
        ("too many headers", too_many.as_str(), vec!["400", "431"]),
        ("a bad name", "x y: 1\r\n", vec!["400"]),
        ("a bare line end", "x: 1\ny: 2\r\n", vec!["400", "401"]),
        ("a folded header", "x: 1\r\n 2\r\n", vec!["400"]),
        ("a NUL", "x: \0\r\n", vec!["400"]),
        ("no authorization but two", "authorization: Token a\r\nauthorization: Token b\r\n", vec!["401"]),
    ] {
        let answer =
            exchange(address, &format!("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{head}\r\n")).await;
        let status = answer.split(' ').nth(1).unwrap_or("closed");
        assert!(
            statuses.contains(&status) || (status == "closed" && !statuses.contains(&"401")),
            "{name}: {answer}"
        );
    }
}

/// One frame of HTTP/2 (RFC 9113 section 4.1) on the first stream of a client, or on the connection.
fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
    [&[0, length[0], length[1], kind, flags, 0, 0, 0, stream], payload].concat()
}

/// A header that no table knows, without compression (RFC 7541 section 6.2.2).
fn field(name: &str, value: &str) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    [vec![0], text(name), text(value)].concat()
}

#[actix_web::test]
async fn in_http_2_the_target_carries_scheme_and_authority() {
    let world = TwoUsers::new().await;
    let full = permission_fn(|request: &AuthRequest<'_>| {
        Decision::allow_if(request.uri() == "http://books.test/h2?x=1")
    });
    let routes = Router::new(world.guard())
        .service(resource("/h2").route(get().to(|| async { "seen" }).require(full)))
        .build()
        .unwrap();
    let app = move || App::new().configure(|config| routes.configure(config)).wrap(Seal);
    let server = HttpServer::new(app).workers(1).disable_signals().bind_auto_h2c("127.0.0.1:0").unwrap();
    let address = *server.addrs().first().unwrap();
    actix_web::rt::spawn(server.run());
    for (authority, path, is_seen) in
        [("books.test", "/h2?x=1", true), ("other.test", "/h2?x=1", false), ("books.test", "/h2?x=2", false)]
    {
        let head = [
            field(":method", "GET"),
            field(":scheme", "http"),
            field(":authority", authority),
            field(":path", path),
            field("authorization", &format!("Token {}", world.john)),
        ];
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        let request = [preface, frame(4, 0, 0, &[]), frame(1, 5, 1, &head.concat())].concat();
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(&request).await.unwrap();
        let mut answer = Vec::new();
        while !String::from_utf8_lossy(&answer).contains(if is_seen { "seen" } else { "permission" }) {
            let read = tokio::time::timeout(Duration::from_secs(5), stream.read_buf(&mut answer));
            let read = read.await.expect("an answer").unwrap();
            assert!(read > 0, "{authority}{path}: {}", String::from_utf8_lossy(&answer));
        }
        assert_eq!(String::from_utf8_lossy(&answer).contains("seen"), is_seen, "{authority}{path}");
    }
}
