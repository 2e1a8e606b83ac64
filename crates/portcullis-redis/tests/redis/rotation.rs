//! Of a hundred uses of one refresh token at once exactly one wins, on a server that two stores share; the replay ends
//! the login and is told once (RFC 9700 section 4.14.2; simplejwt had two winners in four of four runs).

use std::sync::Arc;

use portcullis::store::{MemoryStore, Mixed};
use portcullis::{Environment, Error, EventKind, Jwt, KeyRing, Origin, Secret, Users};
use portcullis_redis::{RedisConfig, RedisStore};
use portcullis_testing::EventLog;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::{cluster, patient, redis, rounds};

const SECRET: &str = "3VqhXkFZ0m4Rr1bYp7sTt9uWwEeJc2Ld";
const CROWD: usize = 100;

async fn jwt(url: &str, config: &RedisConfig, users: &MemoryStore, events: &EventLog) -> Jwt {
    let redis = RedisStore::connect_with(url, config.clone()).await.unwrap();
    let environment = Environment::default().with_events(Arc::new(events.clone()));
    let ring = KeyRing::from_secret(SECRET).unwrap();
    Jwt::new(ring, Mixed::new(redis, users.clone())).unwrap().with_environment(environment)
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

async fn one_wins(url: &str) {
    let (events, users, config) = (EventLog::default(), MemoryStore::new(), patient());
    let nodes = [jwt(url, &config, &users, &events).await, jwt(url, &config, &users, &events).await];
    let john = Users::new(users).create_without_password("john").await.unwrap();
    for round in 0..rounds(50) {
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

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_hundred_uses_at_once_exactly_one_wins_on_one_server() {
    let Some(url) = redis() else { return };
    one_wins(&url).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_hundred_uses_at_once_exactly_one_wins_on_a_cluster() {
    let Some(url) = cluster() else { return };
    one_wins(&url).await;
}
