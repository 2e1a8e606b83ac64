//! A few seconds of the mixed run on every framework, and a server that mixes people up, to see that it is noticed.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use portcullis::Digest;
use portcullis_axum::{Auth, Router, get};
use portcullis_tests::mixed::{Options, Report, Site, Store, drive, drive_process};
use serde_json::json;
use tokio::net::TcpListener;

/// Every framework at once, each in a process of its own.
async fn run(options: &Options) -> Vec<Report> {
    let program = Path::new(env!("CARGO_BIN_EXE_mixed-server"));
    let runs = options.frameworks.iter().map(|framework| drive_process(program, *framework, options));
    join_all(runs).await.into_iter().map(Result::unwrap).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_is_taken_for_themselves() {
    for (name, options) in [
        ("HTTP/1.1", Options { seconds: 5, connections: 30, ..Options::default() }),
        ("HTTP/2", Options { seconds: 5, http2: true, connections: 15, ..Options::default() }),
    ] {
        for report in run(&options).await {
            assert!(report.is_good(), "{name}: {report}");
        }
    }
}

/// Remembers who asked in one place for all, over an await.
async fn mixed_up(auth: Auth, body: String) -> String {
    static LAST: Mutex<String> = Mutex::new(String::new());
    let last = || LAST.lock().unwrap_or_else(PoisonError::into_inner);
    let first = auth.user().username.clone();
    last().clone_from(&first);
    tokio::time::sleep(Duration::from_millis(2)).await;
    let again = last().clone();
    let scheme = auth.identity().scheme().as_str();
    let body = Digest::of(&body).to_string();
    json!({ "first": first, "again": again, "scheme": scheme, "body": body }).to_string()
}

async fn forgetful_server(people: usize) -> SocketAddr {
    let site = Site::open(Store::Memory, people).await.unwrap();
    let app = Router::new(site.guard.clone())
        .route("/whoami", get(mixed_up).post(mixed_up))
        .merge(site.sessions.endpoints("/session"))
        .merge(site.tokens.endpoints("/token"))
        .merge(site.jwt.endpoints("/jwt"))
        .into_router(())
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async { axum::serve(listener, app).await.unwrap() });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_mixes_people_up_is_noticed() {
    let address = forgetful_server(40).await;
    let options = Options { seconds: 2, connections: 20, ..Options::default() };
    let report = drive("mixed up", address, std::process::id(), &options).await.unwrap();
    assert!(report.wrong_identities() > 10, "{report}");
    assert_eq!(report.errors(), 0, "{report}");
    assert!(!report.is_good(), "{report}");
}
