//! Of a hundred uses of one refresh token at once exactly one wins, on a file or a server that two stores share; the replay ends the
//! login and is told once (RFC 9700 section 4.14.2; simplejwt had two winners in four of four runs).

#![expect(clippy::unwrap_used, reason = "whatever fails ends the test")]

use std::sync::Arc;

use portcullis::{Environment, Error, EventKind, Jwt, KeyRing, Origin, Secret, Users};
#[cfg(feature = "postgres")]
use portcullis_servers::{Postgres, or_left_out};
use portcullis_sql::SqlStore;
use portcullis_testing::EventLog;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

const SECRET: &str = "3VqhXkFZ0m4Rr1bYp7sTt9uWwEeJc2Ld";
const CROWD: usize = 100;

/// 1,000 rounds, or as many as `PORTCULLIS_ROUNDS` says.
fn rounds() -> u32 {
    std::env::var("PORTCULLIS_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(1_000)
}

async fn jwt(url: &str, events: &EventLog) -> Jwt {
    let store = SqlStore::connect(url).await.unwrap();
    let environment = Environment::default().with_events(Arc::new(events.clone()));
    Jwt::new(KeyRing::from_secret(SECRET).unwrap(), store).unwrap().with_environment(environment)
}

/// Uses a token many times at once, and returns those that were given another.
async fn race(nodes: &[Jwt; 2], token: &str) -> Vec<Secret> {
    let start = Arc::new(Barrier::new(CROWD));
    let mut crowd = JoinSet::new();
    for jwt in nodes.iter().cycle().take(CROWD) {
        let (jwt, token, start) = (jwt.clone(), token.to_owned(), Arc::clone(&start));
        crowd.spawn(async move {
            start.wait().await;
            jwt.refresh(&token, Origin::default()).await
        });
    }
    let mut winners = Vec::new();
    while let Some(answer) = crowd.join_next().await {
        match answer.unwrap() {
            Ok(pair) => winners.extend(pair.refresh().cloned()),
            Err(Error::Rejected(rejected)) => assert_eq!(rejected.to_string(), "Token is blacklisted"),
            Err(other) => assert!(matches!(other, Error::Rejected(_)), "{other:?}"),
        }
    }
    winners
}

#[cfg(feature = "sqlite")]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_hundred_uses_at_once_exactly_one_wins_and_the_login_ends() {
    let directory = tempfile::tempdir().unwrap();
    crowd(&format!("sqlite:{}", directory.path().join("app.db").display())).await;
}

#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_hundred_uses_at_once_exactly_one_wins_on_postgres() {
    let Some(server) = or_left_out(Postgres::shared()) else { return };
    let url = server.database();
    SqlStore::connect(&url).await.unwrap().migrate().await.unwrap();
    crowd(&url).await;
}

async fn crowd(url: &str) {
    let events = EventLog::default();
    let nodes = [jwt(url, &events).await, jwt(url, &events).await];
    let users = Users::new(SqlStore::connect(url).await.unwrap());
    let john = users.create_without_password("john").await.unwrap();
    for round in 0..rounds() {
        let pair = nodes[0].issue(&john).await.unwrap();
        let winners = race(&nodes, pair.refresh().unwrap().expose_secret()).await;
        assert_eq!(winners.len(), 1, "round {round}");
        assert_eq!(events.count(EventKind::RefreshReused), 1, "round {round}");
        let next = winners.first().unwrap().expose_secret();
        assert!(
            nodes[1].refresh(next, Origin::default()).await.is_err(),
            "round {round}: the family lives on"
        );
        let _ = events.take();
    }
    assert!(nodes[0].list(&john.id).await.unwrap().is_empty());
}
