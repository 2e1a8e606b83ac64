//! An authenticated request costs one round trip for each store that it touches: counted on the wire.

#![expect(clippy::unwrap_used, reason = "whatever fails ends the test")]

use std::slice;

use portcullis::UserId;
use portcullis::store::{MemoryStore, Mixed, NewUser, UserStore};
use portcullis_benches::{By, Door, Turns, commands};
use portcullis_redis::{RedisConfig, RedisStore, Replicas};
use portcullis_servers::{Cluster, Postgres, Redis, or_left_out};
use portcullis_sql::SqlStore;

/// So many requests are counted, of so many users.
const REQUESTS: usize = 60;
const USERS: u32 = 5;

async fn people(store: &impl UserStore) -> Vec<UserId> {
    let mut people = Vec::new();
    for number in 0..USERS {
        people.push(store.create_user(NewUser::new(format!("user{number}"))).await.unwrap().id.clone());
    }
    people
}

/// The first request of each caller may open a connection, prepare a statement or note the first use of a token.
async fn warm_up(door: &Door) {
    for by in By::ALL {
        for caller in 0..door.callers() {
            door.knock(by, caller).await.unwrap();
        }
    }
}

#[tokio::test]
async fn one_round_trip_to_postgres_whatever_lets_a_request_in() {
    let Some(server) = or_left_out(Postgres::shared()) else { return };
    let turns = Turns::before(server.address()).await.unwrap();
    let url = server.database().replace(&server.address().to_string(), &turns.address().to_string());
    let store = SqlStore::connect(&url).await.unwrap();
    store.migrate().await.unwrap();
    let door = Door::new(&store, &store, &people(&store).await).await.unwrap();
    warm_up(&door).await;
    for by in By::ALL {
        let _ = turns.take();
        for caller in 0..REQUESTS {
            door.knock(by, caller).await.unwrap();
        }
        assert_eq!(turns.take(), REQUESTS, "{by:?}");
    }
}

#[tokio::test]
async fn one_command_to_redis_for_a_session_and_none_for_the_others() {
    let Some(redis) = or_left_out(Redis::start(&[])) else { return };
    assert_commands(&redis.url(), slice::from_ref(&redis)).await;
}

#[tokio::test]
async fn one_command_to_a_cluster_for_a_session_and_none_for_the_others() {
    let Some(cluster) = or_left_out(Cluster::start()) else { return };
    assert_commands(&cluster.url(), cluster.nodes()).await;
}

async fn assert_commands(url: &str, servers: &[Redis]) {
    let users = MemoryStore::new();
    // What is counted are look-ups; a replica of a cluster that has just begun may not confirm anything yet.
    let config = RedisConfig::default().with_replicas(Replicas::None);
    let records = Mixed::new(RedisStore::connect_with(url, config).await.unwrap(), users.clone());
    let door = Door::new(&users, &records, &people(&users).await).await.unwrap();
    warm_up(&door).await;
    for (by, each) in [(By::Token, 0), (By::Session, 1), (By::Jwt, 0)] {
        let before = settled(servers).await;
        for caller in 0..REQUESTS {
            door.knock(by, caller).await.unwrap();
        }
        let sent = commands(servers).unwrap() - before;
        assert_eq!(sent, u64::try_from(REQUESTS * each).unwrap(), "{by:?}");
    }
}

/// Waits until nothing that came before is still under way, such as a write to a replica.
async fn settled(servers: &[Redis]) -> u64 {
    let mut before = commands(servers).unwrap();
    loop {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        let now = commands(servers).unwrap();
        if now == before {
            return now;
        }
        before = now;
    }
}

#[tokio::test]
async fn one_round_trip_to_each_of_two_stores_for_a_session() {
    let (Some(server), Some(redis)) = (or_left_out(Postgres::shared()), or_left_out(Redis::start(&[])))
    else {
        return;
    };
    let turns = Turns::before(server.address()).await.unwrap();
    let url = server.database().replace(&server.address().to_string(), &turns.address().to_string());
    let store = SqlStore::connect(&url).await.unwrap();
    store.migrate().await.unwrap();
    let records = Mixed::new(RedisStore::connect(&redis.url()).await.unwrap(), store.clone());
    let door = Door::new(&store, &records, &people(&store).await).await.unwrap();
    warm_up(&door).await;
    let _ = turns.take();
    let before = settled(slice::from_ref(&redis)).await;
    for caller in 0..REQUESTS {
        door.knock(By::Session, caller).await.unwrap();
    }
    assert_eq!(turns.take(), REQUESTS, "the user, from PostgreSQL");
    let sent = commands(slice::from_ref(&redis)).unwrap() - before;
    assert_eq!(sent, u64::try_from(REQUESTS).unwrap(), "the session, from Redis");
}
