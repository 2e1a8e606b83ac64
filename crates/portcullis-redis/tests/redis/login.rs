//! URLs, users of the server, and passwords that must not leave by an error.

use std::error::Error as _;

use portcullis::Digest;
use portcullis::store::{SessionChange, SessionRecord, SessionStore, StoreError};
use portcullis_redis::{RedisError, RedisStore};
use portcullis_servers::{Cluster, Redis, or_left_out, unique};

use crate::{cluster, patient, redis};

const PASSWORD: &str = "hunter2-canary";

/// Everything that an error says of itself and of its causes.
fn said(error: &RedisError) -> String {
    let mut text = format!("{error} {error:?}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(" {error} {error:?}"));
        cause = error.source();
    }
    text
}

#[tokio::test]
async fn no_error_shows_a_password() {
    let Some(url) = redis() else { return };
    let address = url.trim_start_matches("redis://");
    for (case, url) in [
        ("a wrong password", format!("redis://:{PASSWORD}@{address}")),
        ("a wrong user", format!("redis://app:{PASSWORD}@{address}")),
        ("nobody there", format!("redis://app:{PASSWORD}@127.0.0.1:1")),
        ("no cluster there", format!("redis+cluster://app:{PASSWORD}@127.0.0.1:1")),
        ("not a cluster", format!("redis+cluster://app:{PASSWORD}@{address}")),
        ("no such scheme", format!("postgres://app:{PASSWORD}@{address}")),
        ("no such host", format!("redis://app:{PASSWORD}@host.invalid")),
        ("a slash", format!("redis://app:{PASSWORD}/@{address}")),
        ("no such database", format!("redis://{address}/{PASSWORD}")),
    ] {
        let error = RedisStore::connect_with(&url, patient()).await.unwrap_err();
        assert!(!said(&error).contains("canary"), "{case}: {}", said(&error));
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_an_error_at_start() {
    for url in ["redis://127.0.0.1:1", "redis+cluster://127.0.0.1:1,127.0.0.1:2"] {
        let error = RedisStore::connect(url).await.unwrap_err();
        assert!(matches!(error, RedisError::Unavailable(_)), "{error:?}");
    }
    let error = RedisStore::connect("redis://127.0.0.1:1").await.unwrap_err().to_string();
    assert!(error.contains("127.0.0.1:1") && error.contains("refused"), "{error}");
    let error = RedisStore::connect_with("redis://127.0.0.1:1", patient().with_namespace("a{b")).await;
    assert!(matches!(error, Err(RedisError::Malformed(_))), "{error:?}");
}

#[tokio::test]
async fn a_password_of_the_default_user_logs_in() {
    let Some(server) = or_left_out(Redis::start(&["--requirepass", PASSWORD])) else { return };
    let address = server.address();
    let error = RedisStore::connect_with(&server.url(), patient()).await.unwrap_err();
    assert!(error.to_string().contains("NOAUTH"), "{error}");
    let store =
        RedisStore::connect_with(&format!("redis://:{PASSWORD}@{address}/3"), patient()).await.unwrap();
    assert_eq!(store.session(&Digest::of("x")).await.unwrap(), None);
    assert!(!format!("{store:?}").contains("canary"));
}

/// The rules of the README, word for word.
fn rules() -> Vec<String> {
    let readme = include_str!("../../README.md");
    let line = readme.lines().find(|line| line.starts_with("ACL SETUSER portcullis")).unwrap();
    line.replace("a-long-password", PASSWORD).split(' ').skip(3).map(str::to_owned).collect()
}

fn allow(server: &Redis) {
    let rules = rules();
    let command: Vec<&str> =
        ["acl", "setuser", "portcullis"].into_iter().chain(rules.iter().map(String::as_str)).collect();
    assert_eq!(server.cli(&command).trim(), "OK");
}

async fn use_everything(url: &str) -> Result<(), Box<dyn std::error::Error>> {
    use portcullis_testing::suite;
    let make = async || {
        let config = patient().with_namespace(&format!("portcullis:{}", unique("test")));
        RedisStore::connect_with(url, config).await.unwrap()
    };
    suite::session::run(&make, |task| drop(tokio::spawn(task))).await?;
    suite::refresh::run(&make, |task| drop(tokio::spawn(task))).await?;
    Ok(suite::counter::run(&make, |task| drop(tokio::spawn(task))).await?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_user_with_no_more_than_the_rules_of_the_readme_can_do_everything()
-> Result<(), Box<dyn std::error::Error>> {
    let Some(server) = or_left_out(Redis::start(&["--appendfsync", "everysec"])) else { return Ok(()) };
    allow(&server);
    use_everything(&format!("redis://portcullis:{PASSWORD}@{}", server.address())).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_user_of_a_cluster_can_do_everything() -> Result<(), Box<dyn std::error::Error>> {
    let Some(url) = cluster() else { return Ok(()) };
    let shared = or_left_out(Cluster::shared()).ok_or("no cluster")?;
    shared.nodes().iter().for_each(allow);
    use_everything(&url.replace("cluster://", &format!("cluster://portcullis:{PASSWORD}@"))).await
}

#[tokio::test]
async fn a_user_who_may_not_write_is_an_outage() {
    let Some(server) = or_left_out(Redis::start(&[])) else { return };
    let rules = ["acl", "setuser", "reader", "on", ">secret", "~*", "+@read", "+info", "+ping", "+select"];
    assert_eq!(server.cli(&rules).trim(), "OK");
    let url = format!("redis://reader:secret@{}", server.address());
    let store = RedisStore::connect_with(&url, patient()).await.unwrap();
    let record = SessionRecord::new(portcullis::Timestamp::EPOCH, portcullis::Timestamp::MAX);
    let answer = store.commit(SessionChange::Create(Digest::of("x"), record)).await;
    assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
}

/// It would have a third of the keys, and an outage for the rest.
#[tokio::test]
async fn a_member_of_a_cluster_is_no_single_server() {
    let Some(cluster) = or_left_out(Cluster::shared()) else { return };
    let member = cluster.nodes().first().unwrap();
    let error = RedisStore::connect_with(&member.url(), patient()).await.unwrap_err().to_string();
    assert!(error.contains("`redis+cluster://`"), "{error}");
}
