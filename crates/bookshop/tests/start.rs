//! What a person at a terminal sees when the bookshop cannot start: one sentence, and no password in it.

#![expect(clippy::unwrap_used, reason = "whatever fails ends the test")]

use std::net::TcpListener;
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long it may take to give up.
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn a_store_that_cannot_be_reached_is_one_sentence() {
    let port = free_port();
    let file = tempfile::NamedTempFile::new().unwrap();
    let in_a_file = format!("sqlite:{}/bookshop.db", file.path().display());
    for (name, arguments) in [
        ("a directory that is a file", vec!["--store", &in_a_file]),
        ("PostgreSQL", vec!["--store", &format!("postgres://shop:swordfish@127.0.0.1:{port}/shop")]),
        (
            "Redis",
            vec!["--store", "memory", "--sessions", &format!("redis://shop:swordfish@127.0.0.1:{port}")],
        ),
        (
            "Redis Cluster",
            vec![
                "--store",
                "memory",
                "--sessions",
                &format!("redis+cluster://shop:swordfish@127.0.0.1:{port}"),
            ],
        ),
    ] {
        let output = serve(&arguments);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{name}: {errors}");
        assert!(errors.starts_with("bookshop: "), "{name}: {errors}");
        assert_eq!(errors.lines().count(), 1, "{name}: {errors}");
        assert!(!errors.contains("swordfish"), "{name}: {errors}");
        assert_eq!(output.stdout, b"", "{name}");
        println!("{name}: {errors}");
    }
}

/// Runs it to its end, which comes soon; a server that serves all the same is killed, and has no exit code.
fn serve(arguments: &[&str]) -> Output {
    let mut process = Command::new(env!("CARGO_BIN_EXE_bookshop"))
        .args(["serve", "--listen", "127.0.0.1:0"])
        .args(arguments)
        .env("RUST_LOG", "off")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let began = Instant::now();
    while process.try_wait().unwrap().is_none() {
        if began.elapsed() > PATIENCE {
            process.kill().unwrap();
        }
        sleep(Duration::from_millis(20));
    }
    process.wait_with_output().unwrap()
}

/// A port where nobody listens.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
